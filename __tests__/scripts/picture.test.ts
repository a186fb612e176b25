import fc from 'fast-check'
import { picture, type Run } from '../../scripts/picture.ts'

const LOG = `##[group]demo (us-east-1): demo
cluster      arn
credentials  instance role
username     demo

pass  can-i list namespaces  yes  (${'because '.repeat(12).trim()})
FAIL  can-i list pods        no
##[endgroup]
##[group]Kubeconfig /tmp/kubeconfig
clusters:
  - server
users:
  - user:
      exec:
    name: arn
contexts:
##[endgroup]
##[group]Timings
   1 ms  from  2  locate
##[endgroup]
`

const RUN: Run = {
  login: { yaml: '- uses: ./\n', log: LOG },
  later: [{ command: 'kubectl get <pods>', log: 'Error from server (Forbidden): "pods"\n' }],
}

/** The texts of a picture, each with where it begins and ends. */
function texts(svg: string) {
  const form = /<text class="(\w+)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)">([^<]*)<\/text>/g
  return [...svg.matchAll(form)].map(([, tone, x, y, length, content = '']) => {
    return { tone, content, x: Number(x), y: Number(y), end: Number(x) + Number(length) }
  })
}

function size(svg: string) {
  const [, width, height] = /<svg [^>]*width="(\d+)" height="(\d+)"/.exec(svg) ?? []
  return { width: Number(width), height: Number(height) }
}

test('what says most of the log is drawn, and where lines were left out it is said', () => {
  const lines = Map.groupBy(texts(picture(RUN, 'light')), ({ y }) => y)
  const drawn = [...lines.values()].map(line => line.map(({ content }) => content).join('  '))
  expect(drawn).toEqual([
    '- uses: ./',
    '▼ demo (us-east-1): demo',
    '⋮',
    'credentials  instance role',
    'username  demo',
    `pass  can-i list namespaces  yes  (${'because '.repeat(6).trim()}`,
    `${'because '.repeat(6).trim()})`,
    'FAIL  can-i list pods  no',
    '▼ Kubeconfig /tmp/kubeconfig',
    '⋮',
    'users:',
    '- user:',
    'exec:',
    '⋮',
    '- run: kubectl get &lt;pods&gt;',
    'Error from server (Forbidden): &quot;pods&quot;',
  ])
})

test('verdicts have their colour', () => {
  const tones = texts(picture(RUN, 'dark')).flatMap(({ content, tone }) =>
    /^(pass|FAIL)$/.test(content) ? [[content, tone]] : [],
  )
  expect(tones).toEqual([
    ['pass', 'pass'],
    ['FAIL', 'fail'],
  ])
})

test('a screen reader is told what the picture shows', () => {
  const svg = picture(RUN, 'light')
  expect(svg).toContain('role="img" aria-labelledby="title description"')
  expect(/<desc id="description">([^<]*)<\/desc>/.exec(svg)?.[1]).toContain('kubectl get &lt;pods&gt;')
})

test('no text leaves the card, whatever a run says, and what it said is drawn', () => {
  const line = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '<', '…', '😀'), maxLength: 300 })
  fc.assert(
    fc.property(line, fc.constantFrom('light', 'dark'), (said, theme) => {
      const svg = picture({ ...RUN, later: [{ command: 'it', log: `${said}\n` }] }, theme)
      const { width, height } = size(svg)
      const all = texts(svg)
      expect(all.length).toBe(svg.split('<text ').length - 1)
      for (const { x, y, end } of all) {
        expect(x).toBeGreaterThan(0)
        expect(end).toBeLessThan(width)
        expect(y).toBeLessThan(height)
      }
      const drawn = all.map(({ content }) => content).join('')
      const visible = said.replaceAll(' ', '').replaceAll('<', '&lt;')
      expect(drawn.replaceAll(' ', '').endsWith(`-run:it${visible}`)).toBe(true)
    }),
  )
})
