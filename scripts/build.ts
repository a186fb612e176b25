import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { minify } from '@swc/core'
import ncc from '@vercel/ncc'

// Bundles each entry with all it needs, minified, beside the licenses of what went in.
//
//   node scripts/build.ts           writes dist/
//   node scripts/build.ts --check   says whether dist/ is what src builds, and changes nothing

const ENTRIES = ['login', 'cleanup', 'token']
/**
 * The toolkit's HTTP client, which serves its OIDC tokens alone and is nine tenths of it: that is never asked for here,
 * and would otherwise be read at each start. In its place stands a module that is there anyway.
 */
const UNUSED = { '@actions/http-client': 'node:events', '@actions/http-client/lib/auth': 'node:events' }
const ROOT = join(import.meta.dirname, '..')
const DIST = join(ROOT, 'dist')

const check = process.argv.includes('--check')
const fresh = check ? await mkdtemp(join(tmpdir(), 'eks-login-dist-')) : `${DIST}.new`
for (const entry of ENTRIES) await bundle(entry, join(fresh, entry))
await writeFile(join(fresh, 'token', 'digest'), await digestOf(join(fresh, 'token')))
if (check) {
  const differing = await differences(fresh, DIST)
  await rm(fresh, { recursive: true })
  for (const file of differing) console.error(`dist/${file} is not what src builds: run npm run build`)
  process.exitCode = differing.length > 0 ? 1 : 0
} else {
  await rm(DIST, { recursive: true, force: true })
  await rename(fresh, DIST)
}

async function bundle(entry: string, folder: string): Promise<void> {
  const { code, assets } = await ncc(join(ROOT, 'src', `${entry}.ts`), {
    license: 'licenses.txt',
    cache: false,
    quiet: true,
    externals: UNUSED,
    // `npm run types` checks the types, of all files at once.
    transpileOnly: true,
  })
  await rm(folder, { recursive: true, force: true })
  const files = {
    ...Object.fromEntries(Object.entries(assets).map(([name, { source }]) => [name, source])),
    'index.js': code,
  }
  for (const [name, source] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    const content = name.endsWith('.js') ? await minified(source.toString()) : source
    await writeFile(join(folder, name), content)
    console.log(`${String(Math.ceil(content.length / 1000)).padStart(6)} kB  ${entry}/${name}`)
  }
}

/** Entry and late chunks alike; ncc's own minifier knows only the entry. */
async function minified(source: string): Promise<string> {
  const { code } = await minify(source, { module: true, compress: true, mangle: true })
  return code
}

/** Names the signer's files by what they hold, for a kubeconfig may outlive the version that wrote it. */
async function digestOf(folder: string): Promise<string> {
  const digest = createHash('sha256')
  for (const [name, content] of [...(await contents(folder))].sort()) digest.update(`${name}\0${content}\0`)
  return digest.digest('hex').slice(0, 12)
}

async function differences(one: string, other: string): Promise<string[]> {
  const [left, right] = await Promise.all([contents(one), contents(other)])
  return [...new Set([...left.keys(), ...right.keys()])].filter(name => left.get(name) !== right.get(name))
}

async function contents(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const pairs = files.map(
    async file => [file.slice(folder.length + 1), await readFile(file, 'utf8')] as const,
  )
  return new Map(await Promise.all(pairs))
}
