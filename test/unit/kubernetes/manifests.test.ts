import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { Job } from "kubernetes-models/batch/v1/Job";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { Service } from "kubernetes-models/v1/Service";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { boards } from "../../../catalog/boards.ts";
import { modes } from "../../../catalog/modes.ts";
import { parseConfig } from "../../../core/config/load.ts";
import { kubernetesFiles, mostConfigMapBytes } from "../../../operations/kubernetes/manifests.ts";
import type { Manifest } from "../../../operations/kubernetes/options.ts";

const example = readFileSync(
  fileURLToPath(new URL("../../../redisops.example.yaml", import.meta.url)),
  "utf8",
);

const generated = (configText = example, pods = 3) =>
  kubernetesFiles({
    config: parseConfig(configText, "redisops.yaml"),
    configText,
    namespace: "messaging",
    image: "registry.example/redisops:1.2.3",
    secretName: "redisops-secrets",
    pods,
  });

const objectsOf = (text: string) => parseAllDocuments(text).map((document) => document.toJS() as Manifest);

const files = generated();
const everything = files.flatMap(({ name, text }) => objectsOf(text).map((object) => ({ name, object })));

/** Classes that hold an object against the schema that Kubernetes, or the Prometheus Operator, publishes. */
const schemas: Readonly<Record<string, new (data: never) => { validate(): void }>> = {
  "v1/ConfigMap": ConfigMap,
  "v1/Service": Service,
  "apps/v1/Deployment": Deployment,
  "batch/v1/Job": Job,
  "policy/v1/PodDisruptionBudget": PodDisruptionBudget,
  "networking.k8s.io/v1/NetworkPolicy": NetworkPolicy,
  "monitoring.coreos.com/v1/ServiceMonitor": ServiceMonitor,
  "monitoring.coreos.com/v1/PrometheusRule": PrometheusRule,
};

function validate({ apiVersion, kind, ...rest }: Manifest): void {
  const schema = schemas[`${apiVersion}/${kind}`];
  if (schema === undefined) throw new Error(`no schema is known for ${apiVersion} ${kind}`);
  new schema({ apiVersion, kind, ...rest } as never).validate();
}

interface Pod {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly automountServiceAccountToken: boolean;
    readonly securityContext: Readonly<Record<string, unknown>>;
    readonly containers: readonly {
      readonly args: readonly string[];
      readonly env: readonly { readonly name: string; readonly value?: string }[];
      readonly securityContext: Readonly<Record<string, unknown>>;
      readonly resources: { readonly limits: Readonly<Record<string, string>> };
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
      readonly readinessProbe?: { readonly httpGet: { readonly path: string } };
    }[];
    readonly volumes: readonly { readonly name: string }[];
  };
}

const specOf = (object: Manifest) => object.spec as Readonly<Record<string, unknown>>;
const ofKind = (kind: string) =>
  everything.filter(({ object }) => object.kind === kind).map(({ object }) => object);
const pods = [...ofKind("Deployment"), ...ofKind("Job")].map((object) => ({
  name: `${object.kind} ${String(object.metadata.name ?? object.metadata.generateName)}`,
  pod: specOf(object).template as Pod,
}));

const known = everything.filter(({ object }) => object.kind !== "Kustomization");

test("there is every kind of object", () => {
  expect([...new Set(known.map(({ object }) => `${object.apiVersion}/${object.kind}`))].sort()).toEqual(
    Object.keys(schemas).sort(),
  );
});

test.each(
  known.map(({ name, object }) => ({ what: `${name} ${object.kind} ${object.metadata.name ?? ""}`, object })),
)("$what is what its published schema says", ({ object }) => {
  validate(object);
  expect(object.metadata).toMatchObject({ namespace: "messaging" });
});

test("the schemas notice what is wrong", () => {
  const deployment = ofKind("Deployment")[0];
  const wrong = structuredClone(deployment) as unknown as { spec: { replicas: unknown } };
  wrong.spec.replicas = "one";
  expect(() => validate(wrong as never)).toThrow("replicas");
});

describe.each(pods)("$name", ({ pod }) => {
  const { spec } = pod;
  const container = spec.containers[0];

  test("has no privilege, and the restricted profile of the Pod Security Standards", () => {
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(container?.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(container?.resources.limits.memory).toMatch(/^\d+Mi$/);
  });

  test("mounts what it has, and has what it mounts", () => {
    const mounted = container?.volumeMounts.map(({ name }) => name);
    expect(spec.volumes.map(({ name }) => name)).toEqual(mounted);
    expect(new Set(container?.volumeMounts.map(({ mountPath }) => mountPath)).size).toBe(mounted?.length);
  });

  test("gets secrets by reference alone", () => {
    const plain = container?.env.filter(({ value }) => value !== undefined).map(({ name }) => name);
    expect(plain).toEqual(["MALLOC_ARENA_MAX", "XDG_STATE_HOME"]);
    expect(container?.env.map(({ name }) => name)).toContain("POSTGRES_PASSWORD");
    // Receivers of alerts are Alertmanager's.
    expect(container?.env.map(({ name }) => name)).not.toContain("PAGERDUTY_ROUTING_KEY");
  });
});

test("the exporter is found by the Service, the ServiceMonitor and the policy, and as the job of the alerts", () => {
  const [deployment] = pods;
  const labels = deployment?.pod.metadata.labels ?? {};
  const [service] = ofKind("Service");
  const [monitor] = ofKind("ServiceMonitor");
  const [policy] = ofKind("NetworkPolicy");
  expect(service && specOf(service).selector).toEqual(labels);
  expect(service?.metadata.labels).toEqual(labels);
  expect(monitor && specOf(monitor)).toMatchObject({
    jobLabel: "app.kubernetes.io/name",
    selector: { matchLabels: labels },
  });
  expect(labels["app.kubernetes.io/name"]).toBe("redisops");
  expect(policy && specOf(policy).podSelector).toEqual({ matchLabels: labels });
  expect(deployment?.pod.spec.containers[0]?.readinessProbe?.httpGet.path).toBe("/-/ready");
});

test("all alerts and all boards are there, each board in a ConfigMap that the API server takes", () => {
  const [rule] = ofKind("PrometheusRule");
  const text = JSON.stringify(rule);
  expect(modes.filter(({ id }) => !text.includes(`"alert":"${id}"`))).toEqual([]);
  const maps = ofKind("ConfigMap").filter(({ metadata }) =>
    JSON.stringify(metadata).includes("grafana_dashboard"),
  );
  expect(maps).toHaveLength(Object.keys(boards).length);
  for (const map of ofKind("ConfigMap")) {
    expect(Buffer.byteLength(JSON.stringify(map.data))).toBeLessThan(mostConfigMapBytes);
  }
});

test("a recovery that can be shared is an Indexed Job whose pods know their run by the Job", () => {
  const jobs = Object.fromEntries(ofKind("Job").map((job) => [job.metadata.generateName, specOf(job)]));
  expect(jobs["redisops-recover-bloom-"]).toMatchObject({
    completionMode: "Indexed",
    completions: 3,
    parallelism: 3,
  });
  expect(jobs["redisops-recover-sequence-"]).toMatchObject({ completionMode: "Indexed", completions: 1 });
  const bloom = pods.find(({ name }) => name.includes("bloom"))?.pod.spec.containers[0];
  expect(bloom?.args.slice(0, 6)).toEqual([
    "recover",
    "bloom",
    "--execute",
    "--json",
    "--group",
    "$(REDISOPS_GROUP)",
  ]);
  expect(bloom?.env).toContainEqual({
    name: "REDISOPS_GROUP",
    valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/controller-uid']" } },
  });
});

test("a rebuild has memory for the filter of redisops.yaml", () => {
  const limitOf = (name: string) =>
    pods.find((each) => each.name.includes(name))?.pod.spec.containers[0]?.resources.limits.memory;
  // 200,000,000 ids at 1 % are 228.5 MiB.
  expect([limitOf("recover-sequence"), limitOf("recover-bloom")]).toEqual(["320Mi", "549Mi"]);
});

test("applying the kustomization starts no recovery", () => {
  const kustomization = everything.find(({ object }) => object.kind === "Kustomization")?.object;
  const resources = kustomization?.resources as readonly string[];
  expect(resources).toEqual(
    files.map(({ name }) => name).filter((name) => !/^(?:job-|kustomization)/.test(name)),
  );
  const applied = everything.filter(({ name }) => resources.includes(name));
  expect(applied.map(({ object }) => object.kind)).not.toContain("Job");
});

test("the same redisops.yaml gives the same files, and another one restarts the exporter", () => {
  expect(generated()).toEqual(files);
  const other = generated(`${example}\n# changed\n`).find(({ name }) => name === "exporter.yaml");
  expect(other?.text).not.toBe(files.find(({ name }) => name === "exporter.yaml")?.text);
});

test("a platform with nothing but a filter has no Job that could not run", () => {
  const small = generated(
    "platform: small\nroles: { dedup: { topology: standalone, address: 'dedup:6379', filter: { engine: bitmap, capacity: 1000 } } }\n",
  );
  expect(small.map(({ name }) => name)).toEqual([
    "kustomization.yaml",
    "config.yaml",
    "exporter.yaml",
    "alerts.yaml",
    "dashboards.yaml",
  ]);
});

test("files of redisops.yaml are mounted where it looks for them", () => {
  const [deployment] = pods;
  const mounts = deployment?.pod.spec.containers[0]?.volumeMounts;
  expect(mounts).toContainEqual({ name: "files-0", mountPath: "/run/secrets", readOnly: true });
  expect(deployment?.pod.spec.volumes).toContainEqual({
    name: "files-0",
    secret: {
      secretName: "redisops-secrets",
      defaultMode: 0o440,
      items: [
        { key: "run.secrets.dedup", path: "dedup" },
        { key: "run.secrets.preferences", path: "preferences" },
      ],
    },
  });
});

test.each(["file:secret", "file:/secret", "file:/tmp/secret"])(
  "%s cannot be mounted, which is told",
  (reference) => {
    const role = `{ topology: standalone, address: 'dedup:6379', password: '${reference}' }`;
    expect(() => generated(`platform: small\nroles: { registry: ${role} }\n`)).toThrow(
      "where no volume can be mounted",
    );
  },
);

test("secrets beside redisops.yaml on a machine are no obstacle", () => {
  const role = "{ topology: standalone, address: 'registry:6379', password: 'file:/etc/redisops/password' }";
  const text = generated(`platform: small\nroles: { registry: ${role} }\n`).map((file) => file.text);
  expect(text.join()).toContain("mountPath: /etc/redisops\n");
});
