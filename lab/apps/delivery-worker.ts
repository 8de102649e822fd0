import { DeliveryWorker } from "../../fallbacks/registry/delivery-worker.ts";
import { RegistryClient } from "../../fallbacks/registry/registry-client.ts";
import { section, storeDeadlineMs, throughPgBouncer } from "../platform/settings.ts";
import { runApp } from "./app.ts";
import { handOver } from "./hand-over.ts";

/** Delivers what waits in pending_deliveries. */
await runApp(async ({ settings, config }) => {
  const guard = { deadlineMs: storeDeadlineMs };
  const { tables, connection } = throughPgBouncer(config, settings);
  const registry = new RegistryClient(section(config, "registry"), guard);
  const worker = new DeliveryWorker(registry, { ...connection, tables }, handOver(settings));
  await registry.ready(5_000);
  worker.start();
  return {
    counters: () => ({}),
    async stop() {
      await worker.stop();
      registry.close();
    },
  };
});
