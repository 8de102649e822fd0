import { z } from "zod";
import { askAlertmanager } from "../../core/alertmanager.ts";
import { messageOf } from "../../core/errors.ts";
import { askPrometheus } from "../../core/prometheus.ts";
import { type Draft, noAddress } from "./draft.ts";
import { answerDeadline, askFor, type InitRequest } from "./request.ts";

const built = z.object({ data: z.object({ version: z.string() }) });
const alertmanagers = z.object({
  data: z.object({ activeAlertmanagers: z.array(z.object({ url: z.string() })) }),
});
const status = z.object({ versionInfo: z.object({ version: z.string() }) });

/** What Prometheus sends its alerts to, without the path of the API. */
async function knownAlertmanager(prometheus: string): Promise<string | undefined> {
  const { data } = await askPrometheus(prometheus, "api/v1/alertmanagers", {}, answerDeadline, alertmanagers);
  return data.activeAlertmanagers[0]?.url.replace(/\/api\/v\d+\/alerts\/?$/, "");
}

/** Writes down Prometheus and Alertmanager where they answer, and Grafana, which is not asked. */
export async function findObservers(draft: Draft, request: InitRequest): Promise<void> {
  const { ask, note } = request;
  const prometheus =
    request.prometheus ??
    (await askFor("url", ask, "Prometheus, http://host:port (nothing where there is none)"));
  let alertmanager = request.alertmanager;
  let why: string | undefined;
  if (prometheus) {
    note(`looking at Prometheus at ${prometheus}`);
    try {
      const { data } = await askPrometheus(prometheus, "api/v1/status/buildinfo", {}, answerDeadline, built);
      draft.set("prometheus", { url: prometheus }, `Prometheus ${data.version} answers there.`);
      if (alertmanager === undefined) {
        alertmanager = await knownAlertmanager(prometheus);
        why = "Prometheus sends its alerts there.";
      }
    } catch (error) {
      draft.todo("prometheus", `${messageOf(error)}.`, `Then: prometheus: { url: ${prometheus} }`);
    }
  } else if (ask === undefined)
    draft.todo("prometheus", noAddress, "redisops init --prometheus http://HOST:9090");
  alertmanager ??= await askFor("url", ask, "Alertmanager, http://host:port (nothing where there is none)");
  if (alertmanager !== undefined) {
    try {
      const { versionInfo } = await askAlertmanager(alertmanager, "api/v2/status", answerDeadline, status);
      draft.set(
        "alertmanager",
        { url: alertmanager },
        why ?? `Alertmanager ${versionInfo.version} answers there.`,
      );
    } catch (error) {
      draft.todo("alertmanager", `${messageOf(error)}.`, `Then: alertmanager: { url: ${alertmanager} }`);
    }
  }
  const grafana =
    request.grafana ?? (await askFor("url", ask, "Grafana, http://host:port (nothing where there is none)"));
  if (!grafana) return;
  const token =
    request.grafanaToken ??
    (await askFor(
      "reference",
      ask,
      "Reference to a token of a service account with the role Editor",
      "${GRAFANA_TOKEN}",
    ));
  draft.set("grafana", { url: grafana, token: token ?? "${GRAFANA_TOKEN}" });
}
