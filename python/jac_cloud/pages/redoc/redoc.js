// Addresses are relative everywhere, so that the page works behind a proxy's prefix.
"use strict";

Redoc.init("openapi.json", {}, document.getElementById("redoc"));
