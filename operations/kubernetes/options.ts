import type { Config } from "../../core/config/schema.ts";

/** What the manifests are made with, besides redisops.yaml. */
export interface ManifestOptions {
  readonly config: Config;
  /** redisops.yaml as it is written; it holds references to secrets alone. */
  readonly configText: string;
  readonly namespace: string;
  readonly image: string;
  /** Name of the Secret that holds what redisops.yaml refers to. */
  readonly secretName: string;
  /** Pods that share the work of a recovery. */
  readonly pods: number;
}

/** A Kubernetes object. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly [section: string]: unknown;
}

/** What all objects are labelled with; `component` tells the exporter from recoveries. */
export const labelsOf = (component: string) => ({
  "app.kubernetes.io/name": "redisops",
  "app.kubernetes.io/component": component,
});
