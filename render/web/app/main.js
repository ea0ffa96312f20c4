// Where the page starts.

import { Engine } from "./engine.js";
import { Page } from "./page.js";
import { offerHook } from "./test_hook.js";
import { parseParameters } from "./url_parameters.js";

const page = new Page(() => new Engine(), parseParameters(location.search, document.baseURI));
offerHook(page);
page.open();
