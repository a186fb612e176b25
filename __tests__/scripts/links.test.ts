import { deadLinks } from '../../scripts/links.ts'

const FILES = ['README.md', 'LICENSE', 'docs', 'docs/rules.md', 'docs/run-light.svg', 'src/kube/file.ts']

function dead(pages: Record<string, string>): string[] {
  return deadLinks(new Map(Object.entries(pages)), path => FILES.includes(path))
}

test.each([
  ['a file beside the page', 'docs/identity.md', '[rules](rules.md)'],
  ['a file above it', 'docs/identity.md', '[source](../src/kube/file.ts)'],
  ['a file from the root', 'docs/identity.md', '[license](/LICENSE)'],
  ['a folder', 'README.md', '[pages](docs/)'],
  ['a link whose text is code and breaks', 'README.md', '[`can`\nand `cannot`](docs/rules.md)'],
  ['a link with a title', 'README.md', '[rules](docs/rules.md "the grammar")'],
  ['a picture', 'README.md', '![a run](docs/run-light.svg)'],
  ['a picture of HTML', 'README.md', '<source srcset="docs/run-light.svg"><img src="docs/run-light.svg">'],
  ['a reference', 'README.md', '[rules][1]\n\n[1]: docs/rules.md'],
  ['another host', 'README.md', '[AWS](https://aws.amazon.com/nowhere) <a href="mailto:nobody">'],
  ['what is code', 'README.md', '`[a](b)` and ``[a](`b`)``\n\n```md\n[a](b)\n```'],
])('%s is found', (_what, page, text) => {
  expect(dead({ [page]: text })).toEqual([])
})

test.each([
  ['[a](nowhere.md)', 'docs/nowhere.md'],
  ['[a](../docs/nowhere.md#there)', 'docs/nowhere.md'],
  ['[a](/rules.md)', 'rules.md'],
  ['[1]: ../license', 'license'],
  ['<img alt="a" src="run-dark.svg">', 'docs/run-dark.svg'],
  ['```sh\nls\n```\n[a](nowhere.md)\n```sh\nls\n```', 'docs/nowhere.md'],
])('%j leads nowhere', (text, target) => {
  expect(dead({ 'docs/identity.md': text })).toEqual([expect.stringContaining(`there is no ${target},`)])
})

describe('an anchor', () => {
  const RULES = [
    '# Rules: `can` and **never** `read_only`?',
    '## Where kubectl asks & we refuse',
    '## [Traps](../README.md), again ##',
    '## Twice',
    '## Twice',
    '```sh\n# no heading\n```',
    '| <a id="eks101"></a>EKS101 |',
  ].join('\n')

  test.each([
    'rules-can-and-never-read_only',
    'where-kubectl-asks--we-refuse',
    'traps-again',
    'twice',
    'twice-1',
    'eks101',
  ])('#%s is found', anchor => {
    const pages = {
      'README.md': `[a](docs/rules.md#${anchor})`,
      'docs/rules.md': `${RULES}\n[a](#${anchor})`,
    }
    expect(dead(pages)).toEqual([])
  })

  test.each(['Twice', 'twice-2', 'no-heading', ''])('#%s is not', anchor => {
    const pages = {
      'README.md': `[a](docs/rules.md#${anchor})`,
      'docs/rules.md': `${RULES}\n[a](#${anchor})`,
    }
    expect(dead(pages)).toEqual([
      `README.md: docs/rules.md has no heading for #${anchor}`,
      `docs/rules.md: docs/rules.md has no heading for #${anchor}`,
    ])
  })

  test('of what is no page is not looked at', () => {
    expect(dead({ 'README.md': '[a](src/kube/file.ts#L10)' })).toEqual([])
  })
})
