/** Which of GitHub's themes an image is for. */
export type Theme = 'light' | 'dark'

/** Text that is readable (WCAG AA) on GitHub's own background of the theme. */
export const TEXT_COLORS: Record<Theme, Record<'text' | 'quiet', string>> = {
  light: { text: '#1f2328', quiet: '#59636e' },
  dark: { text: '#f0f6fc', quiet: '#9198a1' },
}

/** A text element. */
export function text(content: string, attributes: Record<string, string | number>): string {
  const given = Object.entries(attributes).map(([name, value]) => ` ${name}="${value}"`)
  return `<text${given.join('')}>${escaped(content)}</text>`
}

/** Text as XML can hold it; what it cannot hold, escaped or not, becomes U+FFFD. */
export function escaped(content: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return content
    .toWellFormed()
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}')
    .replace(/[&<>"]/g, character => entities[character] ?? '')
}
