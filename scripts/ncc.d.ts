/** The part of ncc's programmatic interface that the build uses; the package has no types of its own. */
declare module '@vercel/ncc' {
  export default function ncc(
    entry: string,
    options: {
      license?: string
      cache?: boolean
      quiet?: boolean
      transpileOnly?: boolean
      /** A module's request, and what stands in its place, left out of the bundle. */
      externals?: Record<string, string>
      sourceMap?: boolean
      /** Whether the bundle reads its map when it starts; true if left out. */
      sourceMapRegister?: boolean
      /** What the paths of a map begin with; `../` if left out. */
      sourceMapBasePrefix?: string
    },
  ): Promise<{ code: string; map: string; assets: Record<string, { source: string | Buffer }> }>
}
