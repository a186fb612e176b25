import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, sep } from 'node:path'
import {
  decodedMappings,
  encodedMap,
  type SourceMapSegment,
  TraceMap,
  traceSegment,
} from '@jridgewell/trace-mapping'
import { minify } from '@swc/core'
import ncc from '@vercel/ncc'

// Bundles each entry with all it needs, minified, beside the licenses of what went in. dist/maps says which line of src
// each piece of a bundle comes from, for what counts coverage; no bundle names it.
//
//   node scripts/build.ts           writes dist/
//   node scripts/build.ts --check   says whether dist/ is what src builds, and changes nothing

const ENTRIES = ['login', 'cleanup', 'token', 'grant']
/**
 * The toolkit's HTTP client, which serves its OIDC tokens and its downloads alone and is nine tenths of it: neither is
 * ever asked for here, and it would otherwise be read at each start. In its place stands a module that is there anyway.
 */
const UNUSED = { '@actions/http-client': 'node:events', '@actions/http-client/lib/auth': 'node:events' }
const ROOT = join(import.meta.dirname, '..')
const DIST = join(ROOT, 'dist')

const check = process.argv.includes('--check')
const fresh = check ? await mkdtemp(join(tmpdir(), 'eks-login-dist-')) : `${DIST}.new`
await rm(fresh, { recursive: true, force: true })
for (const entry of ENTRIES) await bundle(entry, fresh)
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

async function bundle(entry: string, dist: string): Promise<void> {
  const folder = join(dist, entry)
  const maps = join(dist, 'maps', entry)
  const { code, map, assets } = await ncc(join(ROOT, 'src', `${entry}.ts`), {
    license: 'licenses.txt',
    cache: false,
    quiet: true,
    externals: UNUSED,
    // `npm run types` checks the types, of all files at once.
    transpileOnly: true,
    sourceMap: true,
    sourceMapRegister: false,
    sourceMapBasePrefix: '',
  })
  await mkdir(maps, { recursive: true })
  const files: Record<string, string | Buffer> = {
    ...Object.fromEntries(Object.entries(assets).map(([name, { source }]) => [name, source])),
    'index.js': code,
    'index.js.map': map,
  }
  for (const [name, source] of Object.entries(files)) {
    if (name.endsWith('.map')) continue
    const script = name.endsWith('.js') ? await minified(String(source)) : null
    const content = script?.code ?? source
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), content)
    const own = script && ownMap(script.map, String(files[`${name}.map`]))
    if (own) await writeFile(join(maps, `${name}.map`), own)
    console.log(`${String(Math.ceil(content.length / 1000)).padStart(6)} kB  ${entry}/${name}`)
  }
}

/** Entry and late chunks alike; ncc's own minifier knows only the entry. */
async function minified(source: string): Promise<{ code: string; map: string }> {
  const { code, map = '' } = await minify(source, {
    module: true,
    compress: true,
    mangle: true,
    sourceMap: true,
  })
  return { code, map }
}

/**
 * A source map of what comes from src alone, line by line, as ncc knows no columns; null where nothing does.
 *
 * @param map leads from the minified script to ncc's
 * @param further leads from there to what went in
 */
function ownMap(map: string, further: string): string | null {
  const bundle = new TraceMap(further)
  const own = bundle.sources.filter(path => path?.startsWith('./src/'))
  const origin = ([column, , line = -1, at = -1]: SourceMapSegment): SourceMapSegment[] => {
    const [, from = -1, ownLine = -1] = traceSegment(bundle, line, at) ?? []
    const source = own.indexOf(bundle.sources[from] ?? '')
    return source < 0 ? [] : [[column, source, ownLine, 0]]
  }
  const mappings = decodedMappings(new TraceMap(map)).map(pieces => pieces.flatMap(origin))
  const sources = own.map(path => path?.slice('./'.length) ?? null)
  const kept = new TraceMap({ version: 3, sourceRoot: '../../..', sources, names: [], mappings })
  return own.length === 0 ? null : JSON.stringify(encodedMap(kept))
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

/** By its path from there with slashes, so that a digest is the same on every system. */
async function contents(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const pairs = files.map(
    async file => [relative(folder, file).replaceAll(sep, '/'), await readFile(file, 'utf8')] as const,
  )
  return new Map(await Promise.all(pairs))
}
