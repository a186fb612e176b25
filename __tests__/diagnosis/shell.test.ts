import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  commandLine,
  sedPattern,
  sedReplacement,
  setForJob,
  shellWord,
  substitution,
} from '../../src/diagnosis/shell.ts'
import { posixOnly } from '../systems.ts'

const TEXTS = [
  'demo',
  'arn:aws:iam::111122223333:role/team/runner',
  "it's",
  '$(date) `date` $HOME',
  'a b',
  '',
  '{{SessionName}}',
  '!x "y" \\z',
  '[a-z]*.^$+?(b|c)#&',
  "''",
  '`id`;b&c|d>e<f',
  '~',
  '-rf',
  '#no',
  'ünïcode',
]

posixOnly.each(TEXTS)('%j is one word to a shell', text => {
  const printed = execFileSync('bash', ['-c', `printf '%s|' ${commandLine(text, 'next')}`], {
    encoding: 'utf8',
  })
  expect(printed).toBe(`${text}|next|`)
})

test('what needs no quotes has none', () => {
  expect(shellWord('arn:aws:iam::111122223333:role/runner')).toBe('arn:aws:iam::111122223333:role/runner')
})

posixOnly.each(TEXTS.filter(Boolean))(
  'sed finds %j and puts it in place as it is, wherever it stands',
  text => {
    const sed = (pattern: string, replacement: string, input: string) =>
      execFileSync('bash', ['-c', `sed -E ${substitution(pattern, replacement)}`], {
        input,
        encoding: 'utf8',
      })
    expect(sed(sedPattern(text), 'new', `<${text}> <${text}> <X>\n`)).toBe('<new> <new> <X>\n')
    expect(sed('old', sedReplacement(text), '<old>\n')).toBe(`<${text}>\n`)
  },
)

posixOnly('variables are set as the runner reads them, whatever their values hold', () => {
  const folder = mkdtempSync(join(tmpdir(), 'shell-'))
  const GITHUB_ENV = join(folder, 'env')
  const { language, text } = setForJob({ EMPTY: '', NAME: "it's $HOME" })
  expect(language).toBe('sh')
  execFileSync('sh', ['-c', text], { env: { GITHUB_ENV } })
  expect(readFileSync(GITHUB_ENV, 'utf8')).toBe("EMPTY=\nNAME=it's $HOME\n")
  rmSync(folder, { recursive: true })
})
