import { configJsonSchema, type JsonSchema } from "../../core/config/json-schema.ts";

/** Address under which the schema is published, next to the runbook pages' default address. */
export const schemaId = "https://raw.githubusercontent.com/redisops/redisops/main/docs/redisops.schema.json";

/** The published JSON Schema of redisops.yaml. */
export function publishedSchema(): JsonSchema & { readonly $id: string; readonly title: string } {
  const { $schema, ...schema } = configJsonSchema() as JsonSchema & { readonly $schema: string };
  const named = { $schema, $id: schemaId, title: "redisops.yaml", ...schema };
  return named;
}

/** docs/redisops.schema.json, for editors and validators. */
export function renderSchemaFile(): string {
  return `${JSON.stringify(publishedSchema(), null, 2)}\n`;
}
