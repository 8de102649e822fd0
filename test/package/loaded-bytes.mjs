// Imports the module that it is given and prints how many bytes of code that loads, by package.
import { statSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

const bytes = {};
registerHooks({
  load(url, context, next) {
    if (url.startsWith("file:")) {
      const name = url
        .split("/node_modules/")
        .at(-1)
        .match(/^(?:@[^/]+\/)?[^/]+/)[0];
      bytes[name] = (bytes[name] ?? 0) + statSync(fileURLToPath(url)).size;
    }
    return next(url, context);
  },
});
await import(process.argv[2]);
process.stdout.write(JSON.stringify(bytes));
