import { createHash } from "node:crypto";
import { labelsOf, type Manifest, type ManifestOptions } from "./options.ts";
import { podTemplate } from "./pod.ts";
import { referencesOf } from "./secret-references.ts";

const component = "exporter";
const name = "redisops-exporter";
const port = 9910;

/** What the exporter reads of redisops.yaml. */
const exporterReferences = ({ config: { roles, postgres, providers } }: ManifestOptions) =>
  referencesOf({ roles, postgres, providers });

/** The exporter, who may reach it, and how Prometheus finds it. */
export function exporterManifests(options: ManifestOptions): Manifest[] {
  const { namespace, configText } = options;
  const metadata = { name, namespace, labels: labelsOf(component) };
  const probe = (path: string) => ({
    httpGet: { path, port: "metrics" },
    periodSeconds: 10,
    timeoutSeconds: 5,
  });
  const template = podTemplate(options, {
    component,
    args: ["exporter", "--web.listen-address", `:${port}`],
    references: exporterReferences(options),
    container: {
      ports: [{ name: "metrics", containerPort: port }],
      readinessProbe: probe("/-/ready"),
      livenessProbe: { ...probe("/-/healthy"), failureThreshold: 6 },
    },
    // It takes 110 MB; without a limit of the processor, which would only make servers look slow.
    resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "256Mi" } },
    temporary: "64Mi",
  });
  const checksum = createHash("sha256").update(configText).digest("hex");
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        // Two would probe everything twice; docs/scale.md says how several share the work.
        replicas: 1,
        strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        selector: { matchLabels: labelsOf(component) },
        template: {
          ...template,
          metadata: { ...template.metadata, annotations: { "checksum/redisops.yaml": checksum } },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { selector: labelsOf(component), ports: [{ name: "metrics", port, targetPort: "metrics" }] },
    },
    {
      apiVersion: "monitoring.coreos.com/v1",
      kind: "ServiceMonitor",
      metadata,
      spec: {
        // The alerts know the exporter as the job redisops, which is the value of this label.
        jobLabel: "app.kubernetes.io/name",
        selector: { matchLabels: labelsOf(component) },
        endpoints: [{ port: "metrics", interval: "15s", scrapeTimeout: "10s", honorLabels: true }],
      },
    },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata,
      spec: {
        podSelector: { matchLabels: labelsOf(component) },
        policyTypes: ["Ingress"],
        ingress: [
          {
            from: [
              {
                namespaceSelector: {},
                podSelector: { matchLabels: { "app.kubernetes.io/name": "prometheus" } },
              },
            ],
            ports: [{ port: "metrics", protocol: "TCP" }],
          },
        ],
      },
    },
  ];
}
