import type { Lab } from '../lab.ts'
import type { StepResult } from '../runner/runner.ts'
import { check } from './check.ts'

/** Texts that are a token, a signature or a key, whoever made them. */
const FORMS = [/k8s-aws-v1\./, /X-Amz-Signature/i, /-----BEGIN [A-Z ]*PRIVATE KEY-----/]

/**
 * That a text holds no secret that the lab has issued, nor what looks like one.
 * @throws Difference, without the secret
 */
export function checkNoSecret(lab: Lab, place: string, text: string): void {
  const leaks = lab.aws.identities.secrets().some(secret => text.includes(secret))
  check(!leaks && !FORMS.some(form => form.test(text)), `A secret stands in ${place}.`)
}

/** That a step showed and handed on no secret. @throws Difference */
export function checkNoSecretIn(lab: Lab, step: StepResult): void {
  const { log, summary, outputs, env, state } = step
  for (const [place, text] of Object.entries({ log, summary, ...outputs, ...env, ...state }))
    checkNoSecret(lab, `what a step left: ${place}`, text)
}
