import { readFileSync } from "node:fs";
import { messageOf, RedisopsError } from "../errors.ts";

/** The TLS settings of a server that are files. */
interface TlsFiles {
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
}

/** Reads the files that TLS with `target` needs; what is not configured is left out. Throws SECRET_UNRESOLVED. */
export function readTlsFiles(
  { ca_file, cert_file, key_file }: TlsFiles,
  target: string,
): { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer } {
  const read = (path: string) => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw new RedisopsError(
        "SECRET_UNRESOLVED",
        `Cannot read the TLS file ${path} for ${target}: ${messageOf(error)}`,
        { target },
      );
    }
  };
  return {
    ...(ca_file === undefined ? {} : { ca: read(ca_file) }),
    ...(cert_file === undefined ? {} : { cert: read(cert_file) }),
    ...(key_file === undefined ? {} : { key: read(key_file) }),
  };
}
