/**
 * Secrets in running text, whole: what `redact` takes out. No pattern starts anew within what another start has already
 * looked through, or not for long: a program may print a megabyte without a blank.
 */
const SECRETS_IN_TEXT: [RegExp, string][] = [
  [/k8s-aws-v1\.[\w-]+/g, 'k8s-aws-v1.***'],
  [/(X-Amz-(?:Signature|Security-Token)=)[^&\s"']+/gi, '$1***'],
  [/\beyJ[\w-]{8,2000}\.eyJ[\w-]{8,}\.[\w-]*/g, '***'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?/g, '***'],
  [/(\/\/[^\s/:@]*:)[^\s/@]+@/g, '$1***@'],
  [
    /((?:secret|token|password|passwd|private_?key)\w{0,64}["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s&]+)/gi,
    '$1***',
  ],
]

/** A text from a program that handles secrets, without any that has the form or the name of one. */
export function redact(text: string): string {
  return SECRETS_IN_TEXT.reduce((safe, [form, instead]) => safe.replace(form, instead), text)
}
