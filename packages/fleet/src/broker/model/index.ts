export { lanes, type Lane } from "./link.ts";
export { createModelBroker, type ModelBroker } from "./model-broker.ts";
export { keys } from "../names.ts";
