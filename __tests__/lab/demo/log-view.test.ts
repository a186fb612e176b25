import { stripVTControlCharacters } from 'node:util'
import { logParts, renderParts } from '../../../lab/demo/log-view.ts'

const LOG = `##[group]demo: who
fact  one

pass  can-i list ns
##[endgroup]
between
##[group]Timings
1 ms
2 ms
##[endgroup]
##[warning]careful
##[error]EKS102 no role
Cure:
`

const shown = (isFolded: (title: string) => boolean) =>
  stripVTControlCharacters(renderParts(logParts(LOG), isFolded))

test('groups stand open, their lines set in, or are folded to their title; annotations say their level', () => {
  expect(shown(title => title === 'Timings')).toBe(`▼ demo: who
  fact  one

  pass  can-i list ns
between
▶ Timings (2 lines, folded)
Warning: careful
Error: EKS102 no role
Cure:`)
})

test('a line that only looks like a command is a line', () => {
  expect(logParts('## [group]no group\n##[section]nor this\n')).toEqual([
    { kind: 'line', text: '## [group]no group' },
    { kind: 'line', text: '##[section]nor this' },
  ])
})
