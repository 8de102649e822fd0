import type { CommandModule } from "yargs";
import { RedisopsError } from "../../core/errors.ts";
import { version } from "../../core/version.ts";
import { classicBoards } from "../boards-of.ts";
import { type CommonOptions, commonOptions } from "../options.ts";
import { note } from "../output.ts";
import { type Generated, writeGenerated } from "../write-generated.ts";

interface GenerateOptions extends CommonOptions {
  readonly out: string;
}

async function alerts(path: string): Promise<Generated> {
  const [
    { loadConfig },
    { requireSecrets },
    { renderRules, renderPrometheusRule },
    { ruleOptions },
    { renderAlertmanager },
    { renderNotificationTemplate, templateFileName },
  ] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../core/config/effective.ts"),
    import("../../alerts/rules.ts"),
    import("../../alerts/defaults.ts"),
    import("../../alerts/alertmanager.ts"),
    import("../../alerts/notification-template.ts"),
  ]);
  const config = loadConfig(path);
  requireSecrets({ alerting: config.alerting }, path);
  const { receivers, group_wait } = config.alerting;
  if (receivers.page === undefined) {
    note("warning: alerting.receivers.page is not set: alerts that should wake somebody reach nobody");
  }
  const rules = ruleOptions(config);
  return [
    { name: "redisops.rules.yml", text: renderRules(rules), secret: false },
    { name: "redisops.prometheusrule.yaml", text: renderPrometheusRule(rules), secret: false },
    { name: templateFileName, text: renderNotificationTemplate(), secret: false },
    {
      name: "alertmanager.yml",
      text: renderAlertmanager({ receivers, groupWait: group_wait }),
      secret: true,
    },
  ];
}

interface KubernetesOptions extends GenerateOptions {
  readonly namespace: string;
  readonly image: string;
  readonly secret: string;
  readonly pods: number;
}

/** A name that Kubernetes takes (RFC 1123). Throws USAGE. */
const kubernetesName = (option: string) => (text: string) => {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) return text;
  throw new RedisopsError("USAGE", `--${option} must be up to 63 lower-case letters, digits and dashes`);
};

/** Throws USAGE. */
function imageName(text: string): string {
  if (/^[a-z0-9][\w./:@-]{0,254}$/.test(text)) return text;
  throw new RedisopsError("USAGE", "--image must be an image such as registry.example/redisops:1.0.0");
}

/** Throws USAGE. */
function podCount(count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= 64) return count;
  throw new RedisopsError("USAGE", "--pods must be a whole number from 1 to 64");
}

async function kubernetes(options: KubernetesOptions): Promise<Generated> {
  const [{ loadConfig }, { readFileSync }, { kubernetesFiles }] = await Promise.all([
    import("../../core/config/load.ts"),
    import("node:fs"),
    import("../../operations/kubernetes/manifests.ts"),
  ]);
  const config = loadConfig(options.config);
  const { namespace, image, secret: secretName, pods } = options;
  const configText = readFileSync(options.config, "utf8");
  const files = kubernetesFiles({ config, configText, namespace, image, secretName, pods });
  return files.map((file) => ({ ...file, secret: false }));
}

const outFolder = {
  type: "string",
  demandOption: true,
  requiresArg: true,
  describe: "Folder to write to",
} as const;

/** `redisops generate alerts|dashboards|kubernetes`. */
export function generateCommand(finish: (code: number) => void): CommandModule {
  return {
    command: "generate",
    builder: (yargs) => {
      const kinds = {
        alerts: "Prometheus rules (a file and a PrometheusRule) and the Alertmanager configuration",
        dashboards: "Grafana dashboards: the same as redisops dashboards build",
      };
      for (const [kind, purpose] of Object.entries(kinds)) {
        yargs.command<GenerateOptions>(
          kind,
          purpose,
          (own) =>
            commonOptions(own)
              .option("out", outFolder)
              .example(
                `$0 generate ${kind} --out /etc/${kind === "alerts" ? "prometheus" : "grafana/dashboards"}`,
                kind === "alerts"
                  ? "alertmanager.yml holds the receivers’ secrets: for its owner alone"
                  : "for Grafana’s provisioning of files",
              ),
          async (options) =>
            finish(
              await writeGenerated(
                await (kind === "alerts" ? alerts : classicBoards)(options.config),
                options,
              ),
            ),
        );
      }
      yargs.command<KubernetesOptions>(
        "kubernetes",
        "Manifests of the exporter, rules, boards and recoveries, to be applied with kubectl -k",
        (own) =>
          commonOptions(own)
            .option("out", outFolder)
            .option("namespace", {
              type: "string",
              default: "redisops",
              requiresArg: true,
              coerce: kubernetesName("namespace"),
              describe: "Namespace of all objects",
            })
            .option("image", {
              type: "string",
              default: `redisops:${version}`,
              defaultDescription: "redisops:<version>",
              requiresArg: true,
              coerce: imageName,
              describe: "Image that the Dockerfile was built to",
            })
            .option("secret", {
              type: "string",
              default: "redisops-secrets",
              requiresArg: true,
              coerce: kubernetesName("secret"),
              describe: "Secret that holds what redisops.yaml refers to",
            })
            .option("pods", {
              type: "number",
              default: 3,
              requiresArg: true,
              coerce: podCount,
              describe: "Pods that share the work of a recovery",
            })
            .example("$0 generate kubernetes --out k8s", "read what is in it")
            .example("kubectl apply -k k8s", "all but the recoveries")
            .example("kubectl create -f k8s/job-recover-bloom.yaml", "rebuild the filter on three pods"),
        async (options) => finish(await writeGenerated(await kubernetes(options), options)),
      );
      return yargs
        .example("$0 generate alerts --out /etc/prometheus", "rules and the Alertmanager configuration")
        .demandCommand(1, "Say what to generate: alerts, dashboards or kubernetes");
    },
    handler: () => undefined,
  };
}
