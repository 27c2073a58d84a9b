// Owns the types of our OpenAPI document, for the reference page and the list of the wire.

export interface ApiDocument extends ApiRoutes {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
}

/** The part of a document that the routes decide. */
export interface ApiRoutes {
  readonly tags: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, ApiOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, ApiSchema>>; readonly securitySchemes: unknown };
  readonly security: readonly unknown[];
}

export interface ApiOperation {
  readonly tags: readonly string[];
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly ApiParameter[];
  /** Empty if no token is required. */
  readonly security?: readonly unknown[];
  readonly requestBody?: { readonly required: true; readonly content: Readonly<Record<string, ApiBody>> };
  readonly responses: Readonly<Record<string, ApiAnswer>>;
}

export interface ApiParameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: ApiSchema;
}

export interface ApiBody {
  readonly schema?: ApiSchema;
  readonly example?: unknown;
}

export interface ApiAnswer {
  readonly description: string;
  readonly content?: Readonly<Record<string, ApiBody>>;
}

type Limit = "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | `${"min" | "max"}${"Length" | "Items"}`;

export interface ApiSchema extends Readonly<Partial<Record<Limit, number>>> {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, ApiSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: ApiSchema | boolean;
  readonly propertyNames?: ApiSchema;
  readonly items?: ApiSchema | boolean;
  readonly prefixItems?: readonly ApiSchema[];
  readonly anyOf?: readonly ApiSchema[];
  readonly oneOf?: readonly ApiSchema[];
  readonly allOf?: readonly ApiSchema[];
  readonly not?: ApiSchema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly format?: string;
  readonly pattern?: string;
}
