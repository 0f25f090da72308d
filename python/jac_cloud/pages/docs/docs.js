// Addresses are relative everywhere, so that the page works behind a proxy's prefix.
"use strict";

const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  // Nothing is told to a validator elsewhere.
  validatorUrl: null,
  onComplete() {
    document.title = `${ui.specSelectors.info().get("title")} · Swagger UI`;
  },
});
