import { providerTests } from "./recording-tests/providers.ts";
import { storeTests } from "./recording-tests/stores.ts";
import { minutes } from "./recording-tests/world.ts";

/** promtool's tests of the recording rules with the addresses of the committed rules. */
export function renderRecordingTests() {
  return [...providerTests, ...storeTests].map(({ name, reported, recorded, throttled }) => ({
    name: `recording rules: ${name}`,
    interval: "1m",
    input_series: reported,
    promql_expr_test: [
      ...Object.entries(recorded).map(([series, values]) => ({
        // Rates of whole numbers per minute, without the digits that floating point adds.
        expr: `round(${series}, 0.001)`,
        eval_time: `${minutes}m`,
        exp_samples: Object.entries(values).map(([labels, value]) => ({ labels: `{${labels}}`, value })),
      })),
      {
        expr: 'count by (account) (ALERTS{alertname="ProviderThrottled",alertstate="firing"})',
        eval_time: `${minutes}m`,
        exp_samples: throttled === undefined ? [] : [{ labels: `{account="${throttled}"}`, value: 1 }],
      },
    ],
  }));
}
