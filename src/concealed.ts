/**
 * What was given in the place of a URL, without whatever may be a user and a password in it. It is no URL, or it would
 * not have to be told: what stands before the last `@` is all taken for them.
 */
export function concealed(text: string): string {
  return text.replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, '$1***@')
}

/**
 * A URL or a host, as it is told: without user and password. A text that is neither is concealed.
 */
export function withoutUserinfo(text: string): string {
  return URL.canParse(text.includes('://') ? text : `https://${text}`)
    ? text.replace(/^([a-z][a-z\d+.-]*:\/\/)?[^/?#]*@/i, '$1')
    : concealed(text)
}
