// Owns how a schema is shown: its type, with links, and a list of its fields with their descriptions.
import type { ApiSchema } from "@waggle/protocol";
import type { ComponentChildren, VNode } from "preact";
import { limitsOf, refName, schemaId } from "./document.ts";

/** Depth to which nested fields are shown. Deeper schemas in the document all have names. */
const deepest = 4;

export function TypeWords({ schema }: { readonly schema: ApiSchema }): VNode {
  const name = refName(schema);
  if (name !== undefined) return <a href={`#${schemaId(name)}`}>{name}</a>;
  const options = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (options !== undefined) return joined(options.map(typeWords), " or ");
  if (schema.const !== undefined) return jsonCode(schema.const);
  if (schema.enum !== undefined) return joined(schema.enum.map(jsonCode), ", ");
  if (typeof schema.items === "object") return joined(["list of", typeWords(schema.items)], " ");
  if (schema.properties === undefined && typeof schema.additionalProperties === "object") {
    return joined(["names to", typeWords(schema.additionalProperties)], " ");
  }
  const { type = "anything" } = schema;
  return <>{typeof type === "string" ? type : type.join(" or ")}</>;
}

function typeWords(schema: ApiSchema): VNode {
  return <TypeWords schema={schema} />;
}

function jsonCode(value: unknown): VNode {
  return <code>{JSON.stringify(value)}</code>;
}

function joined(parts: readonly ComponentChildren[], by: string): VNode {
  return <>{parts.map((part, i) => (i === 0 ? part : [by, part]))}</>;
}

interface SchemaProps {
  readonly schema: ApiSchema;
  readonly depth?: number;
}

/** The description and limits of a schema. */
export function SchemaBody({ schema, depth = 0 }: SchemaProps): VNode | null {
  const options = (schema.oneOf ?? schema.anyOf)?.filter(hasFields);
  if (schema.properties !== undefined) return <Fields schema={schema} depth={depth} />;
  if (options !== undefined && options.length > 0) {
    return (
      <ul class="options">
        {options.map((option, i) => (
          <li key={i}>
            <p class="small muted">{i === 0 ? "One of these:" : "or:"}</p>
            <Fields schema={option} depth={depth} />
          </li>
        ))}
      </ul>
    );
  }
  return depth > 0 ? null : (
    <p>
      <TypeWords schema={schema} /> <Notes schema={schema} />
    </p>
  );
}

function hasFields({ properties }: ApiSchema): boolean {
  return properties !== undefined;
}

function Fields({ schema, depth }: Required<SchemaProps>): VNode {
  return (
    <ul class="fields">
      {Object.entries(schema.properties ?? {}).map(([name, field]) => (
        <li key={name}>
          <p>
            <code class="field-name">{name}</code>{" "}
            <span class="muted">
              <TypeWords schema={field} />
            </span>
            {schema.required?.includes(name) === true && <span class="badge required">required</span>}
          </p>
          <Notes schema={field} />
          {depth < deepest && <Inner schema={field} depth={depth + 1} />}
        </li>
      ))}
    </ul>
  );
}

/** The fields of an object without a name, or of a list of such objects. */
function Inner({ schema, depth }: Required<SchemaProps>): VNode | null {
  const inner = typeof schema.items === "object" ? schema.items : schema;
  const whole = inner.properties !== undefined || (inner.oneOf ?? inner.anyOf)?.some(hasFields) === true;
  return whole ? <SchemaBody schema={inner} depth={depth} /> : null;
}

function Notes({ schema }: { readonly schema: ApiSchema }): VNode | null {
  const limits = limitsOf(schema);
  if (limits.length === 0 && schema.description === undefined) return null;
  return (
    <span class="small notes">
      {schema.description}
      {limits.length > 0 && <span class="muted">{` ${limits.join(", ")}`}</span>}
    </span>
  );
}
