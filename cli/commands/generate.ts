import type { CommandModule } from "yargs";
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

/** `redisops generate alerts|dashboards`. */
export function generateCommand(finish: (code: number) => void): CommandModule {
  return {
    command: "generate",
    describe: "Write alert rules, the Alertmanager configuration or dashboards for your redisops.yaml",
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
              .option("out", {
                type: "string",
                demandOption: true,
                requiresArg: true,
                describe: "Folder to write to",
              })
              .example(
                `$0 generate ${kind} --out /etc/${kind === "alerts" ? "prometheus" : "grafana/dashboards"}`,
                kind === "alerts" ? "alertmanager.yml holds the receivers’ secrets: for its owner alone" : "",
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
      return yargs.demandCommand(1, "Say what to generate: alerts or dashboards");
    },
    handler: () => undefined,
  };
}
