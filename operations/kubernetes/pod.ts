import { basename, dirname, isAbsolute } from "node:path";
import { RedisopsError } from "../../core/errors.ts";
import { labelsOf, type ManifestOptions } from "./options.ts";
import { byFolder, fileKey, type References } from "./secret-references.ts";

/** A folder of its own: secrets may well be in /etc/redisops, and a folder has one volume. */
const configFolder = "/etc/redisops-config";
const stateHome = "/var/lib/redisops";

/** What differs between the pods. */
interface PodParts {
  readonly component: string;
  /** Words after `redisops`. */
  readonly args: readonly string[];
  readonly references: References;
  readonly env?: readonly object[];
  readonly container?: object;
  readonly resources: object;
  /** Room for temporary files. */
  readonly temporary: string;
  readonly spec?: object;
}

/** Throws CONFIG_INCOMPLETE for a file that no volume can bring to where redisops.yaml looks for it. */
function requireMountable(files: readonly string[], taken: readonly string[]): void {
  const wrong = files.find(
    (path) => !isAbsolute(path) || dirname(path) === "/" || taken.includes(dirname(path)),
  );
  if (wrong === undefined) return;
  throw new RedisopsError(
    "CONFIG_INCOMPLETE",
    `redisops.yaml refers to ${wrong}, where no volume can be mounted`,
    {
      next: "In a pod, refer to variables, or to files in a folder of their own such as file:/run/secrets/name.",
    },
  );
}

/** A pod that runs redisops with no privilege at all: the restricted profile of the Pod Security Standards, and more. */
export function podTemplate(
  { image, secretName, config }: ManifestOptions,
  { component, args, references, env = [], container = {}, resources, temporary, spec = {} }: PodParts,
) {
  const folders = [...byFolder(references.files)];
  requireMountable(references.files, [configFolder, stateHome, "/tmp"]);
  const stateDir =
    config.state_dir !== undefined && isAbsolute(config.state_dir) ? config.state_dir : stateHome;
  return {
    metadata: { labels: labelsOf(component) },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 10001,
        runAsGroup: 10001,
        fsGroup: 10001,
        seccompProfile: { type: "RuntimeDefault" },
      },
      ...spec,
      containers: [
        {
          name: "redisops",
          image,
          imagePullPolicy: "IfNotPresent",
          args: [...args, "--config", `${configFolder}/redisops.yaml`],
          env: [
            // glibc's arenas for every thread would cost some megabytes.
            { name: "MALLOC_ARENA_MAX", value: "2" },
            { name: "XDG_STATE_HOME", value: stateHome },
            ...env,
            ...references.variables.map((name) => ({
              name,
              valueFrom: { secretKeyRef: { name: secretName, key: name } },
            })),
          ],
          securityContext: {
            allowPrivilegeEscalation: false,
            privileged: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          resources,
          volumeMounts: [
            { name: "config", mountPath: configFolder, readOnly: true },
            { name: "state", mountPath: stateDir },
            { name: "tmp", mountPath: "/tmp" },
            ...folders.map(([folder], index) => ({
              name: `files-${index}`,
              mountPath: folder,
              readOnly: true,
            })),
          ],
          ...container,
        },
      ],
      volumes: [
        { name: "config", configMap: { name: "redisops-config" } },
        { name: "state", emptyDir: { sizeLimit: "256Mi" } },
        { name: "tmp", emptyDir: { sizeLimit: temporary } },
        ...folders.map(([, files], index) => ({
          name: `files-${index}`,
          secret: {
            secretName,
            defaultMode: 0o440,
            items: files.map((path) => ({ key: fileKey(path), path: basename(path) })),
          },
        })),
      ],
    },
  };
}
