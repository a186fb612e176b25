/** The part of ncc's programmatic interface that the build uses; the package has no types of its own. */
declare module '@vercel/ncc' {
  export default function ncc(
    entry: string,
    options: {
      license?: string
      cache?: boolean
      quiet?: boolean
      transpileOnly?: boolean
    },
  ): Promise<{ code: string; assets: Record<string, { source: string | Buffer }> }>
}
