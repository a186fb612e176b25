/**
 * Programs that no package of ours brings, built on this machine.
 *
 * Each part lands whole in `CACHE/PART-KEY/`, where KEY is a hash of all that decides what is in it. So a part that is
 * there is the right one, a second call starts no process, and two builds at once can only bring the same thing.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** What cannot be built, in one line that says what the machine lacks or which command failed. */
export class BuildError extends Error {}

export type Part = {
  readonly name: string
  /** What a person reads while it builds. */
  readonly label: string
  /** Everything that decides what the part's files hold; the key is its hash. */
  readonly recipe: string
  /** @throws BuildError when the machine lacks what the build needs */
  check(): Promise<void>
  /** Fills `folder`, which becomes `target` when all went well. */
  build(folder: string, target: string): Promise<void>
}

/** The folder of a part that is built: absolute if `cache` is. */
export function folderOf(cache: string, part: Part): string {
  return join(cache, `${part.name}-${createHash('sha256').update(part.recipe).digest('hex').slice(0, 12)}`)
}

/**
 * Builds what is missing.
 *
 * @param say takes a line of progress
 * @throws BuildError when the machine lacks something or one of the builds fails
 */
export async function provide(
  cache: string,
  parts: readonly Part[],
  say: (line: string) => void,
): Promise<void> {
  const missing = parts.filter(part => !existsSync(folderOf(cache, part)))
  // All before the first build: nobody wants to hear after minutes what was known at once.
  for (const part of missing) await part.check()
  // One after the other, as each uses all cores by itself.
  for (const part of missing) await provideOne(cache, part, say)
}

async function provideOne(cache: string, part: Part, say: (line: string) => void): Promise<void> {
  const target = folderOf(cache, part)
  const started = Date.now()
  const elapsed = () => `${Math.round((Date.now() - started) / 1000)} s`
  say(`Building ${part.label} …`)
  const reminder = setInterval(() => say(`… still building ${part.name}, ${elapsed()} so far`), 30_000)
  const folder = join(cache, `.building-${process.pid}-${part.name}`)
  try {
    await mkdir(folder, { recursive: true })
    await part.build(folder, target)
    await moveInto(target, folder)
    await removeOthers(cache, part)
  } finally {
    clearInterval(reminder)
    await rm(folder, { recursive: true, force: true })
  }
  say(`Built ${part.name} in ${elapsed()}`)
}

/** A build that ran beside ours may have been first; what it brought has the same key, so is the same. */
async function moveInto(target: string, folder: string): Promise<void> {
  try {
    await rename(folder, target)
  } catch (error) {
    if (!existsSync(target)) throw error
  }
}

/** Builds of older recipes are hundreds of megabytes that nobody asks for again, as are those that were broken off. */
async function removeOthers(cache: string, part: Part): Promise<void> {
  for (const entry of await readdir(cache)) {
    const path = join(cache, entry)
    const pid = /^\.building-(\d+)-/.exec(entry)?.[1]
    const outdated = entry.startsWith(`${part.name}-`) && path !== folderOf(cache, part)
    if (outdated || (pid !== undefined && !isRunning(Number(pid)))) {
      await rm(path, { recursive: true, force: true })
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
