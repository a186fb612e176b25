import { existsSync } from 'node:fs'
import { glob, readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'

// Says which links between the pages of this repository lead nowhere. Nothing is asked of any network: what is on another
// host is not looked at.
//
//   node scripts/links.ts

const PAGES = ['*.md', 'docs/**/*.md', 'examples/**/*.md', '.github/**/*.md']

/**
 * A line for each relative link whose file is missing, or whose page has no such heading.
 *
 * @param pages Markdown by path, relative to the repository's root and with slashes
 * @param exists whether there is a file or folder of a path, relative to the root
 */
export function deadLinks(pages: ReadonlyMap<string, string>, exists: (path: string) => boolean): string[] {
  const anchors = new Map([...pages].map(([page, text]) => [page, anchorsOf(text)]))
  return [...pages].flatMap(([page, text]) =>
    linksOf(text).flatMap(link => {
      const [path = '', anchor] = link.split('#')
      const target = path ? targetOf(page, path) : page
      if (!exists(target)) return [`${page}: there is no ${target}, which ${link} leads to`]
      // Only of a page it is known what its anchors are.
      const known = anchors.get(target)
      const found = anchor === undefined || !known || known.has(anchor)
      return found ? [] : [`${page}: ${target} has no heading for #${anchor}`]
    }),
  )
}

/** GitHub takes a leading slash for the repository's root. */
function targetOf(page: string, path: string): string {
  const decoded = decodeURIComponent(path)
  const from = decoded.startsWith('/') ? '.' : posix.dirname(page)
  return posix.join(from, decoded).replace(/\/$/, '')
}

/** What a page links to by Markdown or HTML, other hosts left out. */
function linksOf(text: string): string[] {
  const prose = withoutCode(text)
  const found = [
    ...prose.matchAll(/\]\(\s*<?([^\s)>]+)/g),
    ...prose.matchAll(/^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)/gm),
    ...prose.matchAll(/\b(?:href|src|srcset)="([^"\s]+)/g),
  ]
  return found.map(([, link = '']) => link).filter(link => !/^(?:[a-z][a-z\d+.-]*:|\/\/)/i.test(link))
}

/**
 * The anchors of a page: of its headings, as GitHub makes them (letters, digits, `-` and `_` in lower case, blanks as
 * `-`, a number behind what is there already), and those that HTML names.
 */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set([...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, name = '']) => name))
  for (const [, heading = ''] of withoutFences(text).matchAll(/^ {0,3}#{1,6} +(.+?)(?: +#+)? *$/gm)) {
    const words = heading.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const slug = words.replace(/[^\p{L}\p{M}\p{N}_ -]/gu, '').replaceAll(' ', '-')
    let anchor = slug
    for (let twice = 1; anchors.has(anchor); twice++) anchor = `${slug}-${twice}`
    anchors.add(anchor)
  }
  return anchors
}

function withoutCode(text: string): string {
  return withoutFences(text).replace(/(`+)(?!`).*?(?<!`)\1(?!`)/gs, '')
}

function withoutFences(text: string): string {
  return text.replace(/^ *(```+|~~~+).*?^ *\1 *$/gms, '')
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..')
  const pages = new Map<string, string>()
  for await (const page of glob(PAGES, { cwd: root })) {
    pages.set(page.replaceAll('\\', '/'), await readFile(join(root, page), 'utf8'))
  }
  const dead = deadLinks(pages, path => existsSync(join(root, path)))
  for (const line of dead) console.error(line)
  if (dead.length > 0) process.exitCode = 1
}
