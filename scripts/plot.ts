import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BenchResult, Measure } from '../lab/bench/result.ts'
import { escaped, TEXT_COLORS, type Theme, text } from './svg.ts'

// Draws docs/bench.json as bars: docs/bench-light.svg and docs/bench-dark.svg, for <img width="100%">.
//
//   node scripts/plot.ts           writes both
//   node scripts/plot.ts --check   says whether they are what the JSON gives, and changes nothing
//
// A chart has no width of its own: all that is horizontal is a percentage of the place it is shown in, so that text is
// as large on a phone as on a desktop. Where the place is narrow, names stand above their bars, not beside them; the
// height is the same, since an image cannot change its own.

/** What is drawn, in this order. */
const HEADINGS: Partial<Record<Measure['group'], string>> = {
  token: 'A token',
  kubectl: 'kubectl get ns',
  login: 'A login, all checks included',
  grant: 'A grant, all checks included',
  clusters: 'Clusters in one step',
}

/** Bars are visible on GitHub's own background of the theme. */
const BAR_COLORS: Record<Theme, Record<'ours' | 'others', string>> = {
  light: { ours: '#0969da', others: '#8c959f' },
  dark: { ours: '#1f6feb', others: '#6e7681' },
}

const FONT = `-apple-system, BlinkMacSystemFont, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif`
/** Heights in pixels. */
const LEGEND = 30
const HEADING = 28
const ROW = 36
const GAP = 20
const BAR = 14
const LINE = 17
/** Up to which width names stand above their bars. */
const NARROW = 720
/** Room for a name in pixels, at the least that each layout is shown at. */
const BESIDE = 282
const ABOVE = 326

/** A measure in its place; `longest` is what fills the width. */
interface Row extends Measure {
  y: number
  longest: number
}

interface Group {
  heading: string
  y: number
  rows: Row[]
}

/** An SVG of the result, as wide as where it is shown. */
export function plot(result: BenchResult, theme: Theme): string {
  const groups = groupsOf(result)
  const rows = groups.flatMap(({ rows }) => rows)
  const end = LEGEND + groups.length * (HEADING + GAP) + rows.length * ROW
  const notes = notesOf(result, rows)
  const height = end + notes.length * LINE
  return `<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="${height}" role="img" aria-labelledby="title description">
<title id="title">How long it takes, with eks-login and with other tools</title>
<desc id="description">${escaped(groups.map(described).join(' '))}</desc>
<style>${style(theme)}</style>
<rect class="ours" y="3" width="12" height="12" rx="2"/>
${text('eks-login', { class: 'quiet', x: 18, y: 13 })}
<rect class="others" x="94" y="3" width="12" height="12" rx="2"/>
${text('others', { class: 'quiet', x: 112, y: 13 })}
${groups.map(({ heading, y }) => text(heading, { class: 'heading', y: y + 16 })).join('\n')}
<symbol id="bars" overflow="visible">
${rows.map(bar).join('\n')}
</symbol>
<g class="wide">
<svg width="40%" height="${height}">
${rows.map(nameBeside).join('\n')}
</svg>
<use href="#bars" x="41%" width="47%" height="${height}"/>
</g>
<g class="narrow" display="none">
${rows.map(nameAbove).join('\n')}
<use href="#bars" y="7" width="80%" height="${height}"/>
</g>
${notes.map((note, index) => text(note, { class: 'quiet', y: end + 12 + index * LINE })).join('\n')}
</svg>
`
}

function groupsOf({ measures }: BenchResult): Group[] {
  let next = LEGEND
  return Object.entries(HEADINGS).flatMap(([group, heading]) => {
    const members = measures.filter(measure => measure.group === group)
    if (members.length === 0) return []
    const longest = Math.max(...members.map(({ median, to }) => Math.max(median, to)))
    const y = next
    const rows = members.map((measure, index) => ({
      ...measure,
      name: without(`${heading}, `, measure.name),
      y: y + HEADING + index * ROW,
      longest,
    }))
    next += HEADING + members.length * ROW + GAP
    return [{ heading, y, rows }]
  })
}

/** A name need not say again what its heading says. */
function without(beginning: string, name: string): string {
  return name.startsWith(beginning) ? name.slice(beginning.length) : name
}

function style(theme: Theme): string {
  const { text, quiet } = TEXT_COLORS[theme]
  const { ours, others } = BAR_COLORS[theme]
  return `
text { font: 14px ${FONT}; fill: ${text} }
.heading { font-size: 15px; font-weight: 600 }
.quiet { font-size: 12px; fill: ${quiet} }
.name { fill: ${quiet} }
.name.ours { fill: ${text}; font-weight: 600 }
.narrow .name { font-size: 13px }
.value { font-size: 13px; font-weight: 600; font-variant-numeric: tabular-nums }
rect.ours { fill: ${ours} }
rect.others { fill: ${others} }
line { stroke: ${text}; stroke-width: 1.5 }
@media (max-width: ${NARROW}px) { .wide { display: none } .narrow { display: inline } }
`
}

/** From the fastest run to the slowest, over the bar and beyond it; the value stands behind both. */
function bar(row: Row): string {
  const { median, from, to, y, longest } = row
  const middle = y + ROW / 2
  const share = (milliseconds: number) => `${Number(((100 * milliseconds) / (longest || 1)).toFixed(2))}%`
  return [
    `<rect class="${side(row)}" y="${middle - BAR / 2}" width="${share(median)}" height="${BAR}" rx="2"/>`,
    `<line x1="${share(from)}" x2="${share(to)}" y1="${middle}" y2="${middle}"/>`,
    text(duration(median), { class: 'value', x: share(Math.max(median, to)), dx: 8, y: middle + 5 }),
  ].join('\n')
}

/** In two lines where one is too narrow. */
function nameBeside(row: Row): string {
  const lines = wrapped(row.name, BESIDE / 14)
  const first = row.y + ROW / 2 + 5 - ((lines.length - 1) * LINE) / 2
  return lines
    .map((line, index) => text(line, { class: `name ${side(row)}`, y: first + index * LINE }))
    .join('\n')
}

function nameAbove(row: Row): string {
  return text(shortened(row.name, ABOVE / 13), { class: `name ${side(row)}`, y: row.y + 13 })
}

function side({ name }: Measure): 'ours' | 'others' {
  return name.includes('builtin') || name.startsWith('login') ? 'ours' : 'others'
}

function duration(milliseconds: number): string {
  const rounded = Math.round(milliseconds)
  return rounded < 1000 ? `${rounded} ms` : `${(rounded / 1000).toFixed(2)} s`
}

function described({ heading, rows }: Group): string {
  return `${heading}: ${rows.map(({ name, median }) => `${name} ${duration(median)}`).join('; ')}.`
}

function notesOf({ machine: { cpu, cores, memoryGiB, node } }: BenchResult, rows: Row[]): string[] {
  const runs = rows.map(({ runs }) => runs)
  const [fewest, most] = [Math.min(...runs), Math.max(...runs)]
  return [
    `Medians of ${fewest === most ? '' : `${fewest} to `}${most} runs; thin lines: fastest to slowest`,
    cpu,
    `${cores} cores, ${memoryGiB} GiB, Node ${without('v', node)}`,
  ].map(line => shortened(line, ABOVE / 12))
}

/* Text. */

/** A text in one line, or in two where one is too narrow, broken between words. */
function wrapped(content: string, room: number): string[] {
  const words = content.split(/\s+/)
  let count = words.length
  while (count > 1 && widthOf(words.slice(0, count).join(' ')) > room) count--
  return [words.slice(0, count), words.slice(count)]
    .map(line => shortened(line.join(' '), room))
    .filter((line, index) => index === 0 || line !== '')
}

function shortened(content: string, room: number): string {
  if (widthOf(content) <= room) return content
  const characters = [...content]
  while (characters.length > 0 && widthOf(`${characters.join('')}…`) > room) characters.pop()
  return `${characters.join('').trimEnd()}…`
}

/** In heights of the font, on the wide side: which font will be there is not known. */
function widthOf(content: string): number {
  const width = (character: string) => {
    if (/[iljtfrI.,:;'|!()[\] ]/.test(character)) return 0.32
    if (/[mwMW@%…]/.test(character)) return 0.9
    return character > '\u{24f}' ? 1.1 : /[A-Z]/.test(character) ? 0.68 : 0.55
  }
  return [...content].reduce((sum, character) => sum + width(character), 0)
}

/* The files. */

if (import.meta.main) {
  const docs = join(import.meta.dirname, '..', 'docs')
  const result: BenchResult = JSON.parse(await readFile(join(docs, 'bench.json'), 'utf8'))
  const check = process.argv.includes('--check')
  for (const theme of ['light', 'dark'] as const) {
    const file = `bench-${theme}.svg`
    const before = await readFile(join(docs, file), 'utf8').catch(() => null)
    const after = plot(result, theme)
    if (after === before) continue
    if (check) {
      console.error(`docs/${file} is not what docs/bench.json gives: run npm run readme`)
      process.exitCode = 1
    } else {
      await writeFile(join(docs, file), after)
      console.log(`wrote docs/${file}`)
    }
  }
}
