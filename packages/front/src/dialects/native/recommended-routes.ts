// Owns the native route of the recommended models. It needs the right to download models.
import { WaggleError } from "@waggle/protocol";
import type { recommendedRoutes } from "@waggle/protocol";
import { requireAdmin } from "../../access/require-admin.ts";
import type { AppOptions } from "../../server/context.ts";
import type { Handler } from "../../generation/dialect.ts";

export function createRecommendedRoutes({
  recommended,
}: Pick<AppOptions, "recommended">): Record<keyof typeof recommendedRoutes, Handler> {
  return {
    async recommendedModels(c) {
      requireAdmin(c);
      if (recommended !== undefined) return c.json(await recommended());
      throw new WaggleError("unimplemented", "Cannot recommend models at a gateway. Send the request to a worker.");
    },
  };
}
