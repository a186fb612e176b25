import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { load } from 'js-yaml'

const ROOT = join(import.meta.dirname, '..')
const read = (file: string) => readFile(join(ROOT, file), 'utf8')

type Step = { uses: string; with?: Record<string, unknown> }
type Input = { required?: boolean }

/** YAML in which somebody reads how to use the actions: examples, and blocks of code in the documentation. */
async function texts(): Promise<[place: string, yaml: string][]> {
  const list = async (folder: string) => (await readdir(join(ROOT, folder))).map(file => `${folder}/${file}`)
  const examples = [...(await list('examples')), 'examples/composite/action.yml'].filter(file =>
    /\.yml$/.test(file),
  )
  const pages = ['README.md', ...(await list('docs'))].filter(file => file.endsWith('.md'))
  const whole = examples.map(async file => [[file, await read(file)]] as [string, string][])
  const blocks = pages.map(async file => {
    const found = (await read(file)).matchAll(/^```ya?ml\n(.+?)^```$/gms)
    return [...found].map(([, yaml = ''], index): [string, string] => [`${file}, block ${index + 1}`, yaml])
  })
  const all = (await Promise.all([...whole, ...blocks])).flat()
  return all.filter(([, yaml]) => yaml.includes('OWNER/eks-login'))
}

function stepsIn(value: unknown): Step[] {
  if (typeof value !== 'object' || value === null) return []
  const inside = Object.values(value).flatMap(stepsIn)
  return 'uses' in value && String(value.uses).startsWith('OWNER/eks-login')
    ? [value as Step, ...inside]
    : inside
}

/** What the actions are called in a workflow, and where each says which inputs it has. */
const ACTIONS: Record<string, string> = {
  'OWNER/eks-login@v1': 'action.yml',
  'OWNER/eks-login/grant@v1': 'grant/action.yml',
}

test('whoever copies an example, from a file or a page, gives inputs that there are, and those that are required', async () => {
  const places = await texts()
  expect(places.filter(([place]) => place.startsWith('README.md'))).not.toEqual([])
  for (const [place, yaml] of places) {
    const steps = stepsIn(load(yaml))
    expect([place, steps.length]).not.toEqual([place, 0])
    for (const { uses, with: given = {} } of steps) {
      expect([place, Object.keys(ACTIONS)]).toEqual([place, expect.arrayContaining([uses])])
      const { inputs } = load(await read(ACTIONS[uses] ?? '')) as { inputs: Record<string, Input> }
      const unknown = Object.keys(given).filter(name => !(name in inputs))
      expect([place, unknown]).toEqual([place, []])
      const required = Object.keys(inputs).filter(name => inputs[name]?.required)
      expect([place, Object.keys(given)]).toEqual([place, expect.arrayContaining(required)])
    }
  }
})
