// Asks for the token, fetches the description with it and shows it. The token lives in this function's scope only.
"use strict";
(() => {
  const form = document.getElementById("ask");
  const field = document.getElementById("token");
  const refused = document.getElementById("refused");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const token = field.value.trim();
    refused.hidden = true;
    let answer;
    try {
      answer = await fetch("/openapi.json", { headers: { Authorization: `Bearer ${token}` } });
    } catch {
      refused.textContent = "The daemon does not answer.";
      refused.hidden = false;
      return;
    }
    if (!answer.ok) {
      refused.textContent = `The daemon says ${answer.status}: is the token right?`;
      refused.hidden = false;
      return;
    }
    const spec = await answer.json();
    field.value = "";
    form.remove();
    window.SwaggerUIBundle({
      spec,
      dom_id: "#api",
      deepLinking: false,
      persistAuthorization: false,
      validatorUrl: null,
      requestInterceptor: (request) => {
        if (new URL(request.url, window.location.href).origin === window.location.origin) {
          request.headers.Authorization = `Bearer ${token}`;
        }
        return request;
      },
    });
  });
})();
