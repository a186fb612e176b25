import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setOutput } from '@actions/core'

// Says whether a tag may be released, and as what. For the workflow release.yml, in a checkout of the tag.
//
//   node scripts/release.ts vX.Y.Z       sets the outputs commit, notes, latest and major, or says what is wrong

/** What a repository holds that decides on a release. */
export interface Repository {
  /** Of package.json. */
  readonly version: string
  readonly changelog: string
  /** Names of all tags, the one to be released among them. */
  readonly tags: readonly string[]
  readonly isOnMain: boolean
}

export type Release = {
  /** Markdown: the version's section of the changelog, without its heading. */
  readonly notes: string
  /** Whether no higher version is out. */
  readonly latest: boolean
  /** The tag of the major version, like `v1`, if it is to move here: if no higher version of that major is out. */
  readonly major: string | undefined
}

type Version = readonly [major: number, minor: number, patch: number]

/** All that keeps the tag from being released, or what it is released as. */
export function releaseOf(tag: string, repository: Repository): { mistakes: string[] } | Release {
  const version = versionOf(tag)
  if (!version) return { mistakes: [`${tag} is no tag of a version: vX.Y.Z`] }
  const number = version.join('.')
  const notes = sectionOf(repository.changelog, number)
  const mistakes = [
    ...(repository.isOnMain ? [] : [`${tag} is not on main`]),
    ...(repository.version === number
      ? []
      : [`package.json says version ${repository.version}, not ${number}`]),
    ...(notes ? [] : [`CHANGELOG.md has no section "## [${number}] - YYYY-MM-DD" that says something`]),
  ]
  if (mistakes.length > 0 || !notes) return { mistakes }
  const versions = repository.tags.map(versionOf).filter(other => other !== undefined)
  const higher = versions.filter(other => compare(other, version) > 0)
  const isOvertaken = higher.some(([major]) => major === version[0])
  return { notes, latest: higher.length === 0, major: isOvertaken ? undefined : `v${version[0]}` }
}

function versionOf(tag: string): Version | undefined {
  const [, major, minor, patch] = /^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/.exec(tag) ?? []
  return patch === undefined ? undefined : [Number(major), Number(minor), Number(patch)]
}

function compare(one: Version, other: Version): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2]
}

/** What stands under a version's heading, in the form of https://keepachangelog.com/en/1.1.0/: undefined for nothing. */
function sectionOf(changelog: string, number: string): string | undefined {
  const [, ...sections] = changelog.split(/^## /m)
  const section = sections.find(text => text.startsWith(`[${number}] - `))
  if (!section || !/^\[\S+\] - \d{4}-\d{2}-\d{2}$/m.test(section.split('\n', 1)[0] ?? '')) return undefined
  const lines = section.split('\n').slice(1)
  // The last section has the definitions of links behind it.
  const text = lines.filter(line => !/^\[[^\]]+\]: /.test(line)).join('\n')
  return text.trim() || undefined
}

if (import.meta.main) {
  const tag = process.argv[2] ?? ''
  const release = releaseOf(tag, {
    version: JSON.parse(await readFile('package.json', 'utf8')).version,
    changelog: await readFile('CHANGELOG.md', 'utf8'),
    tags: git('tag', '--list').stdout.split('\n'),
    isOnMain: git('merge-base', '--is-ancestor', 'HEAD', 'origin/main').status === 0,
  })
  if ('mistakes' in release) {
    for (const mistake of release.mistakes) console.error(mistake)
    process.exitCode = 1
  } else {
    for (const [name, value] of Object.entries(release)) setOutput(name, value ?? '')
    setOutput('commit', git('rev-parse', 'HEAD').stdout.trim())
  }
}

function git(...args: string[]): { status: number | null; stdout: string } {
  return spawnSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}
