import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkStep } from '../lab/demo/check.ts'
import { list } from '../lab/demo/later-steps.ts'
import { logParts } from '../lab/demo/log-view.ts'
import { stepYaml } from '../lab/demo/login.ts'
import { openStage } from '../lab/demo/stage.ts'
import { escaped, TEXT_COLORS, type Theme, text } from './svg.ts'

// Runs the login of the demo and two later steps, and draws what a reader of their log sees, in part:
// docs/run-light.svg and docs/run-dark.svg.
//
//   node scripts/picture.ts

/** What a picture is made from: a step that logged in, and what later steps ran and printed. */
export interface Run {
  login: { yaml: string; log: string }
  later: { command: string; log: string }[]
}

type Tone = 'step' | 'title' | 'plain' | 'quiet'

interface Line {
  content: string
  tone: Tone
}

const COLORS: Record<Theme, Record<'card' | 'border' | 'title' | 'pass' | 'fail', string>> = {
  light: { card: '#f6f8fa', border: '#d1d9e0', title: '#0969da', pass: '#1a7f37', fail: '#d1242f' },
  dark: { card: '#151b23', border: '#3d444d', title: '#4493f8', pass: '#3fb950', fail: '#f85149' },
}

const FONT = `ui-monospace, SFMono-Regular, 'SF Mono', Menlo, Consolas, 'Liberation Mono', 'DejaVu Sans Mono', monospace`
/** Sizes in pixels. A character is as wide as most of these fonts have it; in the others it is spaced to be. */
const SIZE = 12
const CELL = SIZE * 0.6
const LINE = 17
const PADDING = 18
/** Characters in a line. */
const COLUMNS = 84

/** An SVG of what a run looks like. */
export function picture(run: Run, theme: Theme): string {
  const lines = linesOf(run).flatMap(fitted)
  const width = Math.ceil(COLUMNS * CELL + 2 * PADDING)
  const height = lines.length * LINE + 2 * PADDING
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">
<title id="title">What the log of a run shows</title>
<desc id="description">${escaped(lines.map(({ content }) => content.trim()).join('\n'))}</desc>
<style>${style(theme)}</style>
<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${lines.map((line, index) => drawn(line, PADDING + index * LINE + SIZE)).join('')}</svg>
`
}

function linesOf({ login, later }: Run): Line[] {
  const step = login.yaml.trimEnd().split('\n')
  const groups = logParts(login.log).filter(part => part.kind === 'group')
  return [
    ...step.map(content => ({ content, tone: 'step' }) as const),
    ...groups.flatMap(({ title, lines }) => groupLines(title, lines)),
    ...later.flatMap(laterLines),
  ]
}

/** What says most of a group of the log. */
function groupLines(title: string, lines: readonly string[]): Line[] {
  if (title === 'Timings') return []
  const shown = title.startsWith('Kubeconfig ')
    ? between(lines, 'users:', '    name:')
    : between(lines, 'credentials ')
  return [{ content: `▼ ${title}`, tone: 'title' }, ...shown.map(plain)]
}

/** The lines from one that begins so until before the next that begins so; where others were left out stands ⋮. */
function between(lines: readonly string[], first: string, beyond?: string): string[] {
  const from = lines.findIndex(line => line.startsWith(first))
  const length = lines.slice(from).findIndex(line => beyond !== undefined && line.startsWith(beyond))
  const to = length < 0 ? lines.length : from + length
  return [...(from > 0 ? ['⋮'] : []), ...lines.slice(from, to), ...(to < lines.length ? ['⋮'] : [])]
}

function laterLines({ command, log }: Run['later'][number]): Line[] {
  return [
    { content: '', tone: 'plain' },
    { content: `- run: ${command}`, tone: 'step' },
    ...log.trimEnd().split('\n').map(plain),
  ]
}

function plain(line: string): Line {
  return { content: `  ${line}`, tone: line === '⋮' ? 'quiet' : 'plain' }
}

/** A line in as many as it takes, broken between words where it can be; what goes on is set in. */
function fitted({ content, tone }: Line): Line[] {
  const characters = [...content]
  if (characters.length <= COLUMNS) return [{ content, tone }]
  const indent = ' '.repeat(content.search(/\S/) + 2)
  const space = characters.lastIndexOf(' ', COLUMNS)
  const end = space > indent.length ? space : COLUMNS
  const rest = characters.slice(end).join('').trimStart()
  return [{ content: characters.slice(0, end).join(''), tone }, ...fitted({ content: indent + rest, tone })]
}

/** A line, its columns each in their place whatever the font; how wide they may be is said with them. */
function drawn({ content, tone }: Line, y: number): string {
  const columns = [...content.matchAll(/\S+(?: \S+)*/g)]
  return columns
    .map(({ 0: words, index }) => {
      const x = round(PADDING + [...content.slice(0, index)].length * CELL)
      const verdict = { pass: 'pass', FAIL: 'fail' }[words]
      return `${text(words, { class: verdict ?? tone, x, y, textLength: round([...words].length * CELL) })}\n`
    })
    .join('')
}

function round(pixels: number): number {
  return Number(pixels.toFixed(1))
}

function style(theme: Theme): string {
  const { text, quiet } = TEXT_COLORS[theme]
  const { card, border, title, pass, fail } = COLORS[theme]
  return `
text { font: ${SIZE}px ${FONT}; fill: ${text} }
rect { fill: ${card}; stroke: ${border} }
.step { font-weight: 600 }
.title { fill: ${title} }
.quiet { fill: ${quiet} }
.pass { fill: ${pass}; font-weight: 600 }
.fail { fill: ${fail}; font-weight: 600 }
`
}

async function run(): Promise<Run> {
  const stage = await openStage(new AbortController().signal)
  try {
    await stage.lab.admitRunner()
    const login = await stage.login(stage.inputs)
    checkStep(login, 'The login step', 0)
    const [namespaces, pods] = [await list(stage, 'namespaces'), await list(stage, 'pods')]
    checkStep(namespaces.step, namespaces.command, 0)
    checkStep(pods.step, pods.command, 1, ['Forbidden'])
    const later = [namespaces, pods].map(({ command, step }) => ({ command, log: step.log }))
    return { login: { yaml: stepYaml(stage.inputs), log: login.log }, later }
  } finally {
    await stage.close()
  }
}

if (import.meta.main) {
  const shown = await run()
  for (const theme of ['light', 'dark'] as const) {
    await writeFile(join(import.meta.dirname, '..', 'docs', `run-${theme}.svg`), picture(shown, theme))
    console.log(`wrote docs/run-${theme}.svg`)
  }
}
