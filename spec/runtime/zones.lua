-- Required by a service, and by nothing that is folded.
return "a zone of its own"
