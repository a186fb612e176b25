import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'
import { createScreen } from '../../../lab/demo/screen.ts'

/** What a screen writes to an output of this kind. */
function screenOn(kind: { isTTY: boolean; columns?: number }) {
  const out = Object.assign(new PassThrough(), kind) as unknown as WriteStream & PassThrough
  return { screen: createScreen(out), written: () => String(out.read() ?? '') }
}

test('in a pipe nothing is said of what is under way', async () => {
  const { screen, written } = screenOn({ isTTY: false })
  expect(await screen.during('Waiting', sleep(200, 'result'))).toBe('result')
  expect(written()).toBe('')
})

test('in a terminal what is under way is said in one line, which goes when it ends, in failure too', async () => {
  const { screen, written } = screenOn({ isTTY: true, columns: 20 })
  const failing = sleep(200).then(() => Promise.reject(new Error('no')))
  await expect(screen.during('Waiting for a long time', failing)).rejects.toThrow('no')
  const text = written()
  expect(text).toContain('Waiting for')
  expect(text).not.toContain('\n')
  expect(text.endsWith('\r\x1b[2K')).toBe(true)
  const lines = stripVTControlCharacters(text).split('\r')
  expect(Math.max(...lines.map(line => line.length))).toBeLessThan(20)
})

test('what is ours fits the terminal; what others wrote stays as it is, set in', () => {
  const { screen, written } = screenOn({ isTTY: true, columns: 12 })
  screen.heading('First')
  screen.say('one two three four')
  screen.show('a line that is longer\n\n  b\n', 'title')
  screen.passed('five six seven')
  expect(stripVTControlCharacters(written())).toBe(`
1. First

one two
three four

  title
    a line that is longer

      b

✓ five six
  seven
`)
})

test('a terminal that does not know how wide it is has lines all the same', () => {
  const { screen, written } = screenOn({ isTTY: true, columns: 0 })
  screen.say('one two three')
  expect(written()).toBe('\none two three\n')
})
