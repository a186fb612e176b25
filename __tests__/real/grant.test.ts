import { runAct } from '../../lab/real/act.ts'
import { CREATOR, grants } from '../scenarios/grant/grants.ts'
import { ACTION, PATIENCE, scenario } from './scenario.ts'

const at = scenario([{ name: 'demo', authenticationMode: 'CONFIG_MAP', creator: CREATOR }])
const { newRole, creator } = grants(at)

test(
  'one workflow: an administrator grants, the runner logs in, and once that is revoked it is nobody',
  async () => {
    const role = newRole('/ci/')
    at.lab.aws.instance.roleArn = role.arn
    const { accessKeyId, secretAccessKey, sessionToken } = at.lab.aws.identities.issueSession(creator(), {
      name: 'admin',
      expires: new Date(Date.now() + 3_600_000),
    })
    // What aws-actions/configure-aws-credentials does for later steps of a job.
    const administrator = `
      - run: |
          echo "::add-mask::$ADMIN_SECRET_ACCESS_KEY"
          echo "::add-mask::$ADMIN_SESSION_TOKEN"
          echo "AWS_ACCESS_KEY_ID=$ADMIN_ACCESS_KEY_ID" >> "$GITHUB_ENV"
          echo "AWS_SECRET_ACCESS_KEY=$ADMIN_SECRET_ACCESS_KEY" >> "$GITHUB_ENV"
          echo "AWS_SESSION_TOKEN=$ADMIN_SESSION_TOKEN" >> "$GITHUB_ENV"`
    const steps = (more: string) => `
    runs-on: self-hosted
    steps:
      - uses: actions/checkout@v4${more}`
    const given = `
          cluster-name: demo
          role-arn: ${role.arn}
          can: |
            list namespaces
            list pods -n default`
    const run = await runAct({
      env: {
        ...at.lab.env,
        AWS_REGION: at.cluster.region,
        ADMIN_ACCESS_KEY_ID: accessKeyId,
        ADMIN_SECRET_ACCESS_KEY: secretAccessKey,
        ADMIN_SESSION_TOKEN: sessionToken,
      },
      repository: ACTION,
      others: { 'platform/eks-login@v1': ACTION },
      workflow: `
on: workflow_dispatch
jobs:
  grant:
    outputs:
      username: \${{ steps.grant.outputs.username }}${steps(administrator)}
      - uses: ./grant
        id: grant
        with:${given}
      - uses: platform/eks-login/grant@v1
        id: again
        with:${given}
      - run: test "\${{ steps.grant.outputs.changed }}, \${{ steps.again.outputs.changed }}" = "true, false"
  login:
    needs: grant${steps('')}
      - uses: ./
        with:
          cluster-name: demo
          can: |
            list namespaces
            list pods -n default
          cannot: |
            list pods -A
            list secrets
          expect-username: \${{ needs.grant.outputs.username }}
      - run: kubectl get pods -n default
      - run: '! kubectl get pods -A'
  revoke:
    needs: login${steps(administrator)}
      - uses: ./grant
        with:
          cluster-name: demo
          role-arn: ${role.arn}
          mode: revoke
  nobody:
    needs: revoke${steps('')}
      - uses: ./
        id: login
        continue-on-error: true
        with: {cluster-name: demo}
      - run: test "\${{ fromJSON(steps.login.outputs.report).failures[0].code }}" = EKS501
`,
    })
    expect(run.jobs).toEqual({ grant: 'success', login: 'success', revoke: 'success', nobody: 'success' })
    const granted = run.steps.find(({ job, id }) => job === 'grant' && id === 'grant')
    expect(granted?.summary).toContain('### Granted')
    for (const secret of at.lab.aws.identities.secrets()) expect(run.log.includes(secret)).toBe(false)
    expect(run.log).not.toMatch(/k8s-aws-v1\.|X-Amz-Signature/)
  },
  PATIENCE,
)
