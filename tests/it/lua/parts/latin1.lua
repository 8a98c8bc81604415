-- The title
return "Grüße"
