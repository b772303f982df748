// Shows the service's own document; nothing is loaded from anywhere else.
SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });
