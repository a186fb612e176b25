import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { renderMarkdown } from '../../../lab/demo/markdown.ts'
import { widthOf } from '../../../lab/demo/width.ts'
import type { Report } from '../../../src/report/report.ts'
import { summaryMarkdown } from '../../../src/report/summary.ts'

const render = (markdown: string, columns = 80) => stripVTControlCharacters(renderMarkdown(markdown, columns))

test('what a summary marks up is text, its tables have columns, and the last one is wrapped', () => {
  const markdown = `### Logged in to \`demo\`

**demo**, us-east-1: \`demo\` is \`a|b\`

| | can-i | reason |
| --- | --- | --- |
| ✅ | \`list a\\|b\` | one two three four |
| ❌ | \`get\` | none |

> [!WARNING]
> mind \\*this\\*
`
  expect(render(markdown, 24)).toBe(`Logged in to demo

demo, us-east-1: demo is a|b

    can-i     reason
✅  list a|b  one two
              three four
❌  get       none

WARNING: mind *this*`)
})

test('a block of a failure keeps its lines and blanks, set in', () => {
  expect(render('Cure:\n\n```text\n{\n  "a": 1\n}\n\nnext\n```')).toBe(
    'Cure:\n\n  {\n    "a": 1\n  }\n\n  next',
  )
})

test('whatever a cause says, the summary of it is rendered as it was said', () => {
  const words = fc.string({
    unit: fc.constantFrom(...'ab1*_~&`[]()<>|#!\\.-+=:'),
    minLength: 1,
    maxLength: 30,
  })
  fc.assert(
    fc.property(words, words, (cause, cure) => {
      const paste = { language: 'sh', text: cure } as const
      const otherwise = [{ cause, tell: [cure], cure: [paste] }]
      const failure = {
        code: 'EKS001',
        cause: `it is ${cause}`,
        evidence: [],
        cure: [cure, paste],
        otherwise,
      } as const
      const report = { result: 'failure', clusters: [], failures: [failure], warnings: [] }
      const text = render(summaryMarkdown(report as unknown as Report))
      expect(text).toContain(`❌ EKS001 it is ${cause}`)
      expect(text).toContain(`\n${cure}\n\n  ${cure}\n`)
      expect(text).toContain(`\n1. ${cause}\n\n   To tell:\n\n   ${cure}\n\n   Cure:\n\n     ${cure}`)
    }),
  )
})

test('a picture takes two columns, and a colour none', () => {
  expect(widthOf('✅ \x1b[1mab\x1b[22m')).toBe(5)
})
