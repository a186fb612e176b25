import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'
import { wrapped } from './width.ts'

/** Where the story is told: coloured and alive in a terminal, plain lines in a pipe. */
export type Screen = {
  /** Characters in a line, for what can be fitted. */
  readonly width: number
  /** Begins the next part. */
  heading(title: string): void
  /** A paragraph of ours. */
  say(text: string): void
  /** What somebody else wrote, as it is, set in; under a title of ours if there is one. */
  show(text: string, title?: string): void
  /** Something that was checked and holds. */
  passed(what: string): void
  /** Says in a terminal that something is under way, until it is not. */
  during<T>(what: string, work: Promise<T>): Promise<T>
}

const INDENT = '    '
const MOST = 110

export function createScreen(out: WriteStream): Screen {
  // A terminal that does not know its size says 0.
  const width = Math.min(out.columns || MOST, MOST)
  const print = (text: string) => out.write(`${text}\n`)
  let parts = 0
  return {
    width: width - INDENT.length,
    heading(title) {
      print(`\n${styleText('bold', `${++parts}. ${title}`)}`)
    },
    say(text) {
      print(`\n${wrapped(text, width).join('\n')}`)
    },
    show(text, title) {
      const lines = text
        .trimEnd()
        .split('\n')
        .map(line => (line === '' ? '' : INDENT + line))
      const head = title === undefined ? [] : [styleText('bold', `  ${title}`)]
      print(`\n${[...head, ...lines].join('\n')}`)
    },
    passed(what) {
      const [first = '', ...rest] = wrapped(what, width - 2)
      print(`\n${[`${styleText('green', '✓')} ${first}`, ...rest.map(line => `  ${line}`)].join('\n')}`)
    },
    async during(what, work) {
      const end = out.isTTY && process.env.TERM !== 'dumb' ? spin(out, what) : () => {}
      try {
        return await work
      } finally {
        end()
      }
    },
  }
}

const FRAMES = [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏']
const ERASE_LINE = '\r\x1b[2K'

function spin(out: WriteStream, what: string): () => void {
  const begun = performance.now()
  let turn = 0
  const timer = setInterval(() => {
    const seconds = ((performance.now() - begun) / 1000).toFixed(1)
    const line = `${FRAMES[turn++ % FRAMES.length]} ${what} … ${seconds} s`
    out.write(ERASE_LINE + line.slice(0, (out.columns || MOST) - 1))
  }, 80)
  return () => {
    clearInterval(timer)
    if (turn > 0) out.write(ERASE_LINE)
  }
}
