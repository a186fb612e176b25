/** A kubeconfig as a team has it: other entries, comments, fields that kubectl does not know. */
export const EXISTING = `# The team's clusters; do not sort.
apiVersion: v1
kind: Config
x-team: payments          # unknown to kubectl, ours all the same
preferences: {}
clusters:
- name: minikube   # the local one
  cluster:
    server: https://192.168.49.2:8443
    extensions:
    - name: cluster_info
      extension: {provider: minikube.sigs.k8s.io}
users:
- name: minikube
  user: {token: 0123456789abcdef}
contexts:
# Kept current by hand.
- name: minikube
  context: {cluster: minikube, user: minikube, namespace: web}
current-context: minikube
`
