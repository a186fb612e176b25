import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runAct } from '../../lab/real/act.ts'
import { ACTION, PATIENCE, scenario } from './scenario.ts'

const at = scenario()

const act = (workflow: string, options: Partial<Parameters<typeof runAct>[0]> = {}) =>
  runAct({ workflow, env: { ...at.lab.env, AWS_REGION: at.cluster.region }, repository: ACTION, ...options })

/** That a shell line fails, and says Forbidden. */
const forbidden = (resource: string) =>
  `if said=$(kubectl get ${resource} 2>&1); then echo "$said"; exit 1; fi; echo "$said" | grep Forbidden`

test(
  'the story: log in, list namespaces, be forbidden pods and configmaps, and leave nothing behind',
  async () => {
    const kubeconfig = join(at.runner.temp, 'story', 'kubeconfig')
    const run = await act(`
on: workflow_dispatch
jobs:
  story:
    runs-on: self-hosted
    steps:
      - uses: actions/checkout@v4
      - uses: ./
        id: login
        with:
          cluster-name: demo
          kubeconfig: ${kubeconfig}
      - id: namespaces
        run: kubectl get ns
      - id: pods
        run: |
          ${forbidden('pods')}
      - id: configmaps
        run: |
          ${forbidden('configmaps')}
      - id: environment
        run: |
          test "$KUBECONFIG" = "\${{ steps.login.outputs.kubeconfig }}"
          test "$KUBE_CONFIG_PATH" = "$KUBECONFIG"
          test "$(kubectl config current-context)" = "\${{ steps.login.outputs.context }}"
`)
    const results = Object.fromEntries(run.steps.map(({ id, stage, result }) => [`${stage} ${id}`, result]))
    expect(results).toMatchObject({
      'Main login': 'success',
      'Main namespaces': 'success',
      'Main pods': 'success',
      'Main configmaps': 'success',
      'Main environment': 'success',
      'Post login': 'success',
    })
    const step = (id: string, stage = 'Main') => run.steps.find(one => one.id === id && one.stage === stage)
    expect(step('namespaces')?.log).toMatch(/kube-system +Active/)
    expect(step('pods')?.log).toContain('User "demo" cannot list resource "pods"')
    expect(step('login')).toMatchObject({
      outputs: {
        context: 'demo',
        username: 'demo',
        'cluster-arn': at.cluster.arn,
        'role-arn': at.role.arn,
        'cluster-version': '1.37',
      },
      summary: expect.stringContaining('Logged in to `demo`'),
    })
    expect(step('login', 'Post')?.log).toContain('Removed')
    expect(await readdir(at.runner.temp)).not.toContain('story')
    expect(run.jobs).toEqual({ story: 'success' })
    expectNoSecretIn(run.log)
  },
  PATIENCE,
)

/** act masks what it prints as a runner does; what it shows of outputs is as it was set. */
function expectNoSecretIn(log: string): void {
  for (const secret of at.lab.aws.identities.secrets()) expect(log.includes(secret)).toBe(false)
  expect(log).not.toMatch(/k8s-aws-v1\.|X-Amz-Signature/)
}

test(
  'a composite action of another repository uses it, and hands its outputs on',
  async () => {
    const deploy = join(at.runner.temp, 'deploy')
    await mkdir(deploy)
    await writeFile(
      join(deploy, 'action.yml'),
      `
name: Deploy
description: Logs in and lists namespaces
inputs:
  cluster: {description: cluster, required: true}
outputs:
  user: {description: who we are, value: "\${{ steps.login.outputs.username }}"}
runs:
  using: composite
  steps:
    - uses: platform/eks-login@v1
      id: login
      with: {cluster-name: "\${{ inputs.cluster }}", kubeconfig: "${join(at.runner.temp, 'composite', 'config')}"}
    - run: kubectl get ns
      shell: bash
`,
    )
    const run = await act(
      `
on: workflow_dispatch
jobs:
  deploy:
    runs-on: self-hosted
    steps:
      - uses: team/deploy@v1
        id: deploy
        with: {cluster: demo}
      - id: check
        run: test "\${{ steps.deploy.outputs.user }}" = demo && kubectl auth can-i list namespaces
`,
      { others: { 'team/deploy@v1': deploy, 'platform/eks-login@v1': ACTION } },
    )
    expect(run.jobs).toEqual({ deploy: 'success' })
    const login = run.steps.find(({ id, stage }) => id.endsWith('login') && stage === 'Main')
    expect(login?.outputs).toMatchObject({ username: 'demo', context: 'demo' })
    expect(
      run.steps.some(
        ({ id, stage, result }) => id.endsWith('login') && stage === 'Post' && result === 'success',
      ),
    ).toBe(true)
    expect(await readdir(at.runner.temp)).not.toContain('composite')
    expectNoSecretIn(run.log)
  },
  PATIENCE,
)

const CHECK = `
on:
  workflow_dispatch:
    inputs:
      cluster: {required: true}
      can: {required: false}
      cannot: {required: false}
jobs:
  check:
    runs-on: self-hosted
    steps:
      - uses: actions/checkout@v4
      - uses: ./
        id: login
        with:
          cluster-name: \${{ inputs.cluster }}
          can: \${{ inputs.can }}
          cannot: \${{ inputs.cannot }}
          expect-username: demo
      - if: failure()
        id: told
        run: echo '\${{ fromJSON(steps.login.outputs.report).failures[0].code }}'
`

test(
  'a workflow_dispatch check passes with rules that hold, and fails with one that does not',
  async () => {
    const inputs = { cluster: at.cluster.arn, can: 'list namespaces', cannot: 'list pods\nget secrets -A' }
    expect((await act(CHECK, { inputs })).jobs).toEqual({ check: 'success' })

    const failing = await act(CHECK, { inputs: { ...inputs, can: 'list pods', cannot: 'delete nodes' } })
    expect(failing.jobs).toEqual({ check: 'failure' })
    const login = failing.steps.find(({ id, stage }) => id === 'login' && stage === 'Main')
    expect(login?.annotations).toContainEqual(
      expect.objectContaining({ level: 'error', message: expect.stringContaining('EKS601') }),
    )
    expect(login?.summary).toContain('EKS601')
    expect(failing.steps.find(({ id }) => id === 'told')?.log).toContain('EKS601')
    expectNoSecretIn(failing.log)
  },
  PATIENCE,
)
