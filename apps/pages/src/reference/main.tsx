// Owns the start of the API reference.
import { mount } from "../parts/mount.tsx";
import { createApi } from "../wire/api.ts";
import "./reference.css";
import { ReferencePage } from "./reference-page.tsx";

mount(<ReferencePage api={createApi()} />);
