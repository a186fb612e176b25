import { type ClusterReference, isRegion, isRoleArn, parseClusterReference } from './aws/arn.ts'
import type { Mistake } from './bad-input.ts'
import { parseRules, RULE_FORM, type Rule } from './kube/rules.ts'

const CLUSTER_FORMS =
  'a name (letters, digits, "-", "_", at most 100, a letter or digit first) or arn:aws:eks:REGION:ACCOUNT:cluster/NAME'
const LONGEST_TIMEOUT_SECONDS = 3600

/**
 * Reads one input after the other, as a runner hands them over (INPUT_<NAME>, blanks to underscores:
 * https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax#inputs), and remembers what was wrong
 * instead of stopping at it.
 */
export class InputReader {
  readonly mistakes: Mistake[] = []
  protected readonly env: NodeJS.ProcessEnv

  constructor(env: NodeJS.ProcessEnv) {
    this.env = env
  }

  /** Undefined when the input is absent or blank. */
  text(name: string): string | undefined {
    return this.raw(name)?.trim() || undefined
  }

  /** One a line, or commas. */
  list(name: string): string[] | undefined {
    return this.text(name)
      ?.split(/[\n,]/)
      .map(item => item.trim())
      .filter(Boolean)
  }

  oneOf<Word extends string>(name: string, words: readonly Word[], otherwise: Word): Word {
    const text = this.text(name)
    const word = words.find(known => known === text)
    if (text !== undefined && !word) this.wrong(name, `"${text}" is none of its words`, words.join(', '))
    return word ?? otherwise
  }

  /** The spellings that the toolkit's own boolean inputs take (YAML 1.2 core schema). */
  flag(name: string, otherwise: boolean): boolean {
    const text = this.text(name)
    if (text === undefined) return otherwise
    if (/^(?:true|True|TRUE)$/.test(text)) return true
    if (!/^(?:false|False|FALSE)$/.test(text)) this.wrong(name, `"${text}" is no boolean`, 'true, false')
    return false
  }

  seconds(name: string, otherwise: number): number {
    const text = this.text(name)
    if (text === undefined) return otherwise
    const seconds = /^\d{1,5}$/.test(text) ? Number(text) : 0
    if (seconds >= 1 && seconds <= LONGEST_TIMEOUT_SECONDS) return seconds
    this.wrong(name, `"${text}" is no time to wait`, `whole seconds from 1 to ${LONGEST_TIMEOUT_SECONDS}`)
    return otherwise
  }

  matching(name: string, fits: (text: string) => boolean, accepted: string): string | undefined {
    const text = this.text(name)
    if (text !== undefined && !fits(text)) this.wrong(name, `"${text}" is none`, accepted)
    return text
  }

  roleArn(name: string): string | undefined {
    const text = this.text(name)
    if (text === undefined || isRoleArn(text)) return text
    const session = text.includes(':assumed-role/') ? ' but a session of a role' : ''
    this.wrong(name, `"${text}" is no role's ARN${session}`, 'arn:aws:iam::ACCOUNT:role/NAME')
    return undefined
  }

  clusters(): ClusterReference[] {
    const name = 'cluster-name'
    const texts = this.list(name) ?? []
    if (texts.length === 0)
      this.wrong(name, 'it is missing', `one or several, a line each or with commas; each ${CLUSTER_FORMS}`)
    for (const twice of new Set(texts.filter((text, index) => texts.indexOf(text) !== index))) {
      this.wrong(name, `"${twice}" stands there twice`, 'each cluster once')
    }
    return texts.flatMap(text => {
      const reference = parseClusterReference(text)
      if (!reference) this.wrong(name, `"${text}" names no cluster`, CLUSTER_FORMS)
      return reference ?? []
    })
  }

  region(clusters: ClusterReference[]): string | undefined {
    const { AWS_REGION, AWS_DEFAULT_REGION } = this.env
    const accepted = 'the name of a region, like eu-central-1'
    const given = this.text('region')
    if (given !== undefined) return this.matching('region', isRegion, accepted)
    // The environment's region counts only where a cluster is given without one.
    const region = AWS_REGION || AWS_DEFAULT_REGION || undefined
    const needed = clusters.some(cluster => !('region' in cluster))
    if (needed && region && !isRegion(region)) {
      const from = AWS_REGION ? 'AWS_REGION' : 'AWS_DEFAULT_REGION'
      this.wrong('region', `"${region}", which ${from} gives, is none`, accepted)
    }
    return region
  }

  /** An input that is there and empty means no rules; one that is not there, the default. */
  rulesOf(name: string, otherwise: string): Rule[] {
    const { rules, mistakes } = parseRules(this.raw(name) ?? otherwise)
    for (const { line, rule, problem } of mistakes) {
      this.wrong(name, `line ${line}, "${rule}": ${problem}`, RULE_FORM)
    }
    return rules
  }

  protected raw(name: string): string | undefined {
    return this.env[`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`]
  }

  protected wrong(input: string, problem: string, accepted: string): void {
    this.mistakes.push({ input, problem, accepted })
  }
}
