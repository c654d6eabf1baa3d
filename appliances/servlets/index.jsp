<%@ page contentType="text/plain; charset=utf-8" import="java.util.concurrent.atomic.AtomicLong" trimDirectiveWhitespaces="true"
%><%! private final AtomicLong visits = new AtomicLong(); %>Hello from Java <%= Runtime.version().feature() %>. Visits: <%= visits.incrementAndGet() %>
