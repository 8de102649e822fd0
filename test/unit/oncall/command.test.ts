import { expect, test } from "vitest";
import { commandLine } from "../../../cli/command-line.ts";

const example = new URL("../../../redisops.example.yaml", import.meta.url).pathname;

test.each([
  [[], "USAGE", /Name a file with a notification/],
  [["alert.json", "--listen", "127.0.0.1:1"], "USAGE", /--listen takes notifications itself/],
  [["--listen", "127.0.0.1:1", "--markdown"], "USAGE", /--listen takes notifications itself/],
  [["--listen", "nowhere"], "USAGE", /--listen expects host:port/],
  [["--listen", "127.0.0.1:70000"], "USAGE", /--listen expects host:port/],
  [["alert.json", "--json", "--markdown"], "USAGE", /exclude each other/],
  [["/no/such/alert.json", "--config", example], "USAGE", /Cannot read \/no\/such\/alert\.json/],
  [[example, "--config", example], "ONCALL_PAYLOAD_INVALID", /it is not JSON/],
  [["alert.json", "--config", "/no/such.yaml"], "CONFIG_NOT_FOUND", /\/no\/such\.yaml/],
])("redisops oncall %j is refused", async (words, code, message) => {
  const line = await commandLine(["oncall", ...words], () => undefined);
  await expect(line.parseAsync()).rejects.toMatchObject({
    code,
    exitCode: 64,
    message: expect.stringMatching(message),
  });
});
