import { type RecoveryName, recoveryRoles } from "../../catalog/recoveries.ts";
import type { Config } from "../../core/config/schema.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { configuredLayout } from "../../core/filter/bitmap-filter.ts";
import { labelsOf, type Manifest, type ManifestOptions } from "./options.ts";
import { podTemplate } from "./pod.ts";
import { referencesOf } from "./secret-references.ts";

/** Recoveries whose work several processes can share; the others are done by one pod. */
const shared: readonly RecoveryName[] = ["registry", "bloom", "pending"];

const podsOf = ({ pods }: ManifestOptions, name: RecoveryName) => (shared.includes(name) ? pods : 1);

/** Exit codes after which another pod would only fail in the same way. */
const hopeless = [exitCodes.stale, exitCodes.notConfirmed, exitCodes.verificationFailed, exitCodes.usage];

/** What a recovery reads of redisops.yaml. */
export const recoveryReferences = ({ config }: ManifestOptions) => {
  const { roles, postgres, providers, kafka, grafana, recovery } = config;
  return referencesOf({ roles, postgres, providers, kafka, grafana, recovery });
};

/** The recoveries that a redisops.yaml describes the servers of. */
export function possibleRecoveries({ roles, postgres, recovery }: Config): RecoveryName[] {
  if (postgres === undefined) return [];
  const names = Object.keys(recoveryRoles) as RecoveryName[];
  return names.filter(
    (name) =>
      roles[recoveryRoles[name]] !== undefined &&
      (name !== "pending" || recovery.pending.delivery !== undefined),
  );
}

/** Megabytes that a recovery may take beyond the filter that it builds; it takes less than 200. */
const baseMegabytes = 320;

/** Megabytes of memory that a pod may take: a rebuild holds the whole new filter. */
function memoryOf(name: RecoveryName, { roles: { dedup } }: Config): number {
  if (name !== "bloom" || dedup === undefined) return baseMegabytes;
  const { shards, bitsPerShard } = configuredLayout(dedup.filter);
  return baseMegabytes + Math.ceil((shards * bitsPerShard) / 8 / 1_048_576);
}

/**
 * A recovery as an Indexed Job, to be created by hand when it is needed. All pods run the same command: they find their
 * run by the Job's uid, one of them begins it, the others help, and a pod that is replaced goes on with it.
 */
export function recoveryJob(options: ManifestOptions, name: RecoveryName): Manifest {
  const { namespace } = options;
  const component = `recover-${name}`;
  const pods = podsOf(options, name);
  const labels = labelsOf(component);
  const memory = `${memoryOf(name, options.config)}Mi`;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { generateName: `redisops-${component}-`, namespace, labels },
    spec: {
      completionMode: "Indexed",
      completions: pods,
      parallelism: pods,
      backoffLimitPerIndex: 3,
      podReplacementPolicy: "Failed",
      podFailurePolicy: {
        rules: [
          { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget" }] },
          { action: "FailJob", onExitCodes: { containerName: "redisops", operator: "In", values: hopeless } },
        ],
      },
      ttlSecondsAfterFinished: 604_800,
      template: podTemplate(options, {
        component,
        args: ["recover", name, "--execute", "--json", "--group", "$(REDISOPS_GROUP)"],
        references: recoveryReferences(options),
        env: [
          {
            name: "REDISOPS_GROUP",
            valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/controller-uid']" } },
          },
        ],
        resources: { requests: { cpu: "500m", memory }, limits: { memory } },
        temporary: "1Gi",
        spec: {
          restartPolicy: "Never",
          // SIGTERM stops at the next safe point.
          terminationGracePeriodSeconds: 60,
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: "kubernetes.io/hostname",
              whenUnsatisfiable: "ScheduleAnyway",
              labelSelector: { matchLabels: labels },
            },
          ],
        },
      }),
    },
  };
}

/** Keeps a drained node from ending more than one pod of a recovery at a time; none where there is one pod. */
export function recoveryBudget(options: ManifestOptions, name: RecoveryName): Manifest[] {
  const component = `recover-${name}`;
  const pods = podsOf(options, name);
  if (pods === 1) return [];
  return [
    {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: `redisops-${component}`, namespace: options.namespace, labels: labelsOf(component) },
      // A Job's pods are not counted by their controller, so only a number can be given.
      spec: { minAvailable: pods - 1, selector: { matchLabels: labelsOf(component) } },
    },
  ];
}

/** Nobody connects to a pod that recovers. */
export function recoveryPolicy({ namespace }: ManifestOptions, names: readonly RecoveryName[]): Manifest {
  const component = "recover";
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "redisops-recover", namespace, labels: labelsOf(component) },
    spec: {
      podSelector: {
        matchExpressions: [
          {
            key: "app.kubernetes.io/component",
            operator: "In",
            values: names.map((name) => `recover-${name}`),
          },
        ],
      },
      policyTypes: ["Ingress"],
    },
  };
}
