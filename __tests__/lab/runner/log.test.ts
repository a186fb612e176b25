import { readLog } from '../../../lab/runner/log.ts'

const read = (lines: string[], masks = new Set<string>(), debug = false) => readLog(lines, masks, debug)

test('masks a value from the line after its command on, whole and line by line', () => {
  const masks = new Set<string>()
  const { log } = read(['early secret', '::add-mask::secret%0Aother', 'late secret', 'and other'], masks)
  expect(log).toBe('early secret\nlate ***\nand ***\n')
  expect([...masks]).toEqual(['secret\nother', 'secret', 'other'])
})

test('masks a value that holds another one as a whole', () => {
  expect(read(['abc'], new Set(['b', 'abc'])).log).toBe('***\n')
})

test('never takes an empty value as a mask', () => {
  expect(read(['::add-mask::', 'text']).log).toBe('text\n')
})

test('reads annotations with their title, unescaped and masked', () => {
  const { annotations, log } = read([
    '::add-mask::s3',
    '::error title=a%3A b%2C s3,file=f::one%0Atwo s3 100%25',
  ])
  expect(annotations).toEqual([{ level: 'error', title: 'a: b, ***', message: 'one\ntwo *** 100%' }])
  expect(log).toBe('##[error]one\ntwo *** 100%\n')
})

test('shows groups, and debug lines only when debugging', () => {
  const lines = ['::group::Title', 'inside', '::endgroup::', '::debug::detail']
  expect(read(lines).log).toBe('##[group]Title\ninside\n##[endgroup]\n')
  expect(read(lines, new Set(), true).log).toBe('##[group]Title\ninside\n##[endgroup]\n##[debug]detail\n')
})

test('reads no command between stop-commands and its token', () => {
  const { log, annotations } = read(['::stop-commands::token', '::error::no', '::token::', '::error::yes'])
  expect(annotations.map(({ message }) => message)).toEqual(['yes'])
  expect(log).toContain('::error::no\n')
})

test('takes the outputs and states of the older commands', () => {
  const { outputs, state, log } = read(['::set-output name=a::1', '::save-state name=b::2'])
  expect({ outputs, state, log }).toEqual({ outputs: { a: '1' }, state: { b: '2' }, log: '' })
})

test('shows what only looks like a command', () => {
  expect(read(['a ::error::b', '::unknown::c', ':: ::']).log).toBe('a ::error::b\n::unknown::c\n:: ::\n')
})
