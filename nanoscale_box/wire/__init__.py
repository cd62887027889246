"""The JSON contract between the box and its faces: shapes of requests and answers, and where they are found."""
