import { spawnSync } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { goPart } from '../lab/programs/go.ts'
import { BuildError, folderOf, provide } from '../lab/programs/part.ts'
import { pythonPart } from '../lab/programs/python.ts'

// Looks over all that GitHub reads: our workflows, those in examples/, the actions, dependabot.yml. actionlint (with
// shellcheck) says whether they work, zizmor whether they are safe. Builds the linters first where they are missing.
//
//   node scripts/workflows.ts

const ROOT = join(import.meta.dirname, '..')
const CACHE = join(ROOT, '.cache', 'lint')
/** What stands for an action of this repository in an example, with its folder. */
const PLACEHOLDER = /OWNER\/eks-login(\/\w+)?@v1/g

try {
  const { actionlint, shellcheck, zizmor } = await buildLinters()
  const [ours, examples] = await Promise.all([workflowsIn('.github/workflows'), workflowsIn('examples')])
  const strict = ['-config-file', '.github/actionlint.yaml', '-shellcheck', shellcheck, '-pyflakes', '']
  lint(actionlint, [...strict, ...ours])
  for (const example of examples) {
    // With the action itself in the place of the placeholder, inputs and outputs are looked up in its action.yml.
    const text = await readFile(join(ROOT, example), 'utf8')
    const local = text.replaceAll(PLACEHOLDER, (_, folder = '/') => `.${folder}`)
    lint(actionlint, [...strict, '-stdin-filename', example, '-'], local)
  }
  const persona = ['--offline', '--persona=auditor', '--strict-collection', '--no-progress']
  // Of the folder it takes what lies where GitHub looks for it.
  lint(zizmor, [...persona, '--config=.github/zizmor.yml', '.', ...examples])
} catch (error) {
  if (!(error instanceof BuildError)) throw error
  console.error(error.message)
  process.exitCode = 1
}

async function buildLinters() {
  const actionlint = await goPart(join(import.meta.dirname, 'actionlint'), 'actionlint (a few seconds)', {
    'github.com/rhysd/actionlint/cmd/actionlint': 'actionlint',
  })
  const python = await pythonPart(
    join(import.meta.dirname, 'linters'),
    'zizmor and shellcheck (a few seconds)',
    [],
  )
  await provide(CACHE, [python, actionlint], line => console.log(line))
  const bin = join(folderOf(CACHE, python), 'bin')
  return {
    actionlint: join(folderOf(CACHE, actionlint), 'actionlint'),
    shellcheck: join(bin, 'shellcheck'),
    zizmor: join(bin, 'zizmor'),
  }
}

/** Paths from the root. In examples/ a workflow ends in .yml; what Kubernetes reads, in .yaml. */
async function workflowsIn(folder: string): Promise<string[]> {
  const files = await readdir(join(ROOT, folder))
  return files.filter(file => file.endsWith('.yml')).map(file => join(folder, file))
}

/** What a linter finds it prints, and says so by its exit code. No environment: the result is the same everywhere. */
function lint(program: string, args: string[], input = ''): void {
  const { status, error } = spawnSync(program, args, {
    cwd: ROOT,
    env: {},
    input,
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  if (error) throw error
  if (status !== 0) process.exitCode = 1
}
