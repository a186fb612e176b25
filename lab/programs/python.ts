import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { BuildError, type Part } from './part.ts'
import { run } from './run.ts'

/**
 * A part made of Python packages, in a virtual environment of its own.
 *
 * @param room a folder, whose name is the part's; its requirements.txt pins each package by hash
 * @param scripts those of the programs in `bin` that are Python scripts
 */
export async function pythonPart(room: string, label: string, scripts: readonly string[]): Promise<Part> {
  const requirements = join(room, 'requirements.txt')
  const text = await readFile(requirements, 'utf8')
  const here = { cwd: room, env: process.env }
  return {
    name: basename(room),
    label,
    recipe: JSON.stringify([text, process.arch]),
    async check() {
      const found = await run('python3', ['-c', 'import ensurepip, venv'], here).catch(() => undefined)
      const lacks = 'Python 3 with its modules venv and ensurepip is missing'
      if (found === undefined) throw new BuildError(`${lacks}: on Debian install python3-venv`)
    },
    async build(folder, target) {
      await run('python3', ['-m', 'venv', folder], here)
      const pip = ['-m', 'pip', 'install', '--quiet', '--require-hashes', '--no-deps', '-r', requirements]
      await run(join(folder, 'bin', 'python'), pip, here)
      // A script names its interpreter by the path it was installed under, and that path is about to change.
      for (const script of scripts.map(name => join(folder, 'bin', name))) {
        await writeFile(script, (await readFile(script, 'utf8')).replaceAll(folder, target))
      }
    },
  }
}
